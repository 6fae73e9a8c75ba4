"""The study file: read, overridden, checked, and every problem it has told at once.

Called by the command line and by users of `run_study`. Knows the cards of `lenet_variants`
(torch-free) and nothing of data or training: sizes and counts are checked in `plan`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ablations.errors import SpecError, nearest
from ablations.spec import (
    DATASET_PREFIXES,
    DATASETS,
    ControlSpec,
    DataSpec,
    Recipe,
    StudySpec,
    changed,
)
from lenet_variants import catalogue
from lenet_variants.errors import LevelError, UnknownVariantError, VariantError

Misfits = Callable[[StudySpec], Sequence[str]]

_NEEDED = ("control", "arms", "factors", "dataset")  # without these right, no arm can be built


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key given twice, of which YAML would keep the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (the base's signature)
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key_node.value!r} is given twice")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def load_study(
    path: str | Path, overrides: Sequence[str] = (), misfits: Misfits | None = None
) -> StudySpec:
    """Read and check a study file.

    Args:
        path: A YAML file.
        overrides: `path.to.key=value` each, the value in YAML; applied before the check.
        misfits: See `parse_study`.

    Raises:
        SpecError: Every problem of the file, with key path, value and what is allowed.
    """
    where = str(path)
    try:
        raw = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise SpecError(where, [f"cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(where, [f"is not YAML: {' '.join(str(error).split())}"]) from error
    if not isinstance(raw, dict):
        raise SpecError(where, [f"must be a mapping with the key 'study', got {raw!r:.80}"])
    return parse_study(override(raw, overrides), where, misfits)


def plugin_source(name: str, folder: Path) -> str:
    """What to load for an entry of `plugins`: a file beside the study, or an entry point's name."""
    is_file = name.endswith(".py") or "/" in name or (folder / name).exists()
    return str((folder / name).resolve()) if is_file else name


def plugin_sources(path: Path) -> list[str]:
    """What a study names under `plugins`, to be loaded before the study is checked.

    Raises:
        SpecError: A file is not below the study's own folder, or is not there.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return []  # `load_study` says what is wrong with the file
    named = raw.get("plugins") if isinstance(raw, dict) else None
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    folder = path.parent.resolve()
    sources = {name: plugin_source(name, folder) for name in names}
    problems = [
        f"plugins: {name!r} must be a file in the study's folder {folder}"
        for name, source in sources.items()
        if Path(source).is_absolute()
        and not (Path(source).is_relative_to(folder) and Path(source).is_file())
    ]
    if problems:
        raise SpecError(str(path), problems)
    return list(sources.values())


def override(raw: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`raw` with every `path.to.key=value` of `overrides` put in its place."""
    changed = dict(raw)
    for text in overrides:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise SpecError("--set", [f"must read path.to.key=value, got {text!r}"])
        try:
            _put(changed, path, yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise SpecError("--set", [f"{path}: {value!r} is not YAML"]) from error
    return changed


_SHORTHAND = {"dataset": "name", "control": "variant"}


def _put(raw: dict[str, Any], path: str, value: Any) -> None:
    """Set one key of `raw`; mappings on the way are copied or made, shorthands written out."""
    # A factor's own name has dots: `factors.recipe.learning_rate` is two keys.
    *parents, last = path.split(".", maxsplit=1 if path.startswith("factors.") else -1)
    target = raw
    for parent in parents:
        inner = target.get(parent)
        if isinstance(inner, str) and parent in _SHORTHAND:
            inner = {_SHORTHAND[parent]: inner}
        if not isinstance(inner, dict | None):
            problem = f"{path}: {parent!r} is no mapping, got {inner!r}; set {parent!r} as a whole"
            raise SpecError("--set", [problem])
        target[parent] = dict(inner or {})
        target = target[parent]
    target[last] = value


def parse_study(
    raw: Mapping[str, Any], where: str = "study", misfits: Misfits | None = None
) -> StudySpec:
    """A checked `StudySpec` from plain values.

    Args:
        raw: As YAML gives them.
        where: What the problems are told under.
        misfits: Tells what is wrong with a study that only its data and networks show. It is asked
            where the file has mistakes that leave both known, so that all are told in one message.

    Raises:
        SpecError: Every problem: those of shape, and those of meaning in what has the right shape.
    """
    spec, problems = _validated(raw)
    if spec is not None:
        told = _meaning(spec)
        problems += told
        if problems and misfits and not any(text.startswith(_NEEDED) for text in told):
            problems += [text for text in misfits(spec) if text not in problems]
    if problems or spec is None:
        raise SpecError(where, problems)
    return spec


def _validated(raw: Mapping[str, Any]) -> tuple[StudySpec | None, list[str]]:
    """The spec, and what was wrong; bad keys are dropped so that the rest can still be checked."""
    try:
        return StudySpec.model_validate(raw), []
    except ValidationError as error:
        problems = [_sentence(dict(item)) for item in error.errors()]
        rest = _without(raw, [item["loc"] for item in error.errors()])
    try:
        return StudySpec.model_validate(_with_stand_ins(rest)), problems
    except ValidationError:
        return None, problems


def _without(raw: Mapping[str, Any], locations: Sequence[tuple[int | str, ...]]) -> dict[str, Any]:
    """A copy of `raw` less what is at fault: an entry of a mapping or list, or the whole key."""
    bad: dict[str, set[int | str]] = {str(place[0]): set() for place in locations if place}
    for place in locations:
        bad[str(place[0])].add(place[1] if len(place) > 1 else "")
    rest = {}
    for key, value in raw.items():
        if key not in bad:
            rest[key] = value
        elif isinstance(value, dict) and "" not in bad[key]:
            rest[key] = {inner: item for inner, item in value.items() if inner not in bad[key]}
        elif isinstance(value, list) and "" not in bad[key]:
            rest[key] = [
                item if number not in bad[key] else _stand_in(key, number)
                for number, item in enumerate(value)
                if number not in bad[key] or key == "arms"
            ]
    return rest


def _stand_in(key: str, number: int) -> dict[str, str]:
    """A sound arm in the place of one at fault, so that those after it keep their numbers."""
    return {"name": f"{key}.{number}", "variant": catalogue.names()[0]}


def _with_stand_ins(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Sound values for required keys that are at fault, so that the others are still checked."""
    return {"study": "-", **rest, "endpoint": {"margin": 1.0, **rest.get("endpoint", {})}}


_KINDS = {
    "missing": "is required and missing",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be finite",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "too_long": "must have at most {max_length} entries",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be one of {expected}",
}


def _sentence(error: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"]) or "study"
    kind, got = error["type"], error["input"]
    if kind == "extra_forbidden":
        known = _known_keys(error["loc"])
        key = str(error["loc"][-1])
        return f"{path}: unknown key {key!r}; {nearest(key, known)}(known: {', '.join(known)})"
    if kind == "missing":
        return f"{path}: {_KINDS[kind]}"
    if kind == "value_error":
        return f"{path}: {error['msg'].removeprefix('Value error, ')}"
    if kind == "string_pattern_mismatch" and path.endswith("permutation"):
        expected = "must be none, fixed or blocks-N"
    elif kind == "string_pattern_mismatch":
        expected = "must not contain control characters"
    else:
        expected = _KINDS.get(kind, error["msg"]).format(**error.get("ctx", {}))
    hint = ""
    if kind == "literal_error":
        hint = nearest(str(got), re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    return f"{path}: {expected}, got {got!r}" + (f"; {hint.strip()}" if hint else "")


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = StudySpec
    for part in location[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _meaning(spec: StudySpec) -> list[str]:
    """What a well-shaped file can still get wrong: names, levels, factors, metrics."""
    problems = _variant_problems("control", spec.control)
    for number, arm in enumerate(spec.arms):
        problems += _variant_problems(f"arms.{number}", arm)
        problems += _part_problems(f"arms.{number}.recipe", spec.recipe, arm.recipe)
        problems += _part_problems(f"arms.{number}.dataset", spec.dataset, arm.dataset)
    problems += [
        p for key, values in spec.factors.items() for p in _factor_problems(spec, key, values)
    ]
    problems += _study_problems(spec)
    return problems


def _study_problems(spec: StudySpec) -> list[str]:
    problems = _dataset_problems(spec.dataset.name)
    metric, known = spec.endpoint.metric, spec.metrics()
    if metric not in known:
        problems.append(
            f"endpoint.metric: unknown metric {metric!r}; {nearest(metric, known)}"
            f"(known here: {', '.join(known)})"
        )
    if spec.curves == "validation" and not spec.dataset.validation:
        problems.append(
            "curves: 'validation' needs a split; set dataset.validation to a number of images"
        )
    if spec.design == "arms" and spec.factors:
        problems.append("factors: design 'arms' takes none; use 'one-factor' or 'grid'")
    if spec.design != "arms" and not spec.factors and not spec.arms:
        problems.append(
            f"factors: design {spec.design!r} has nothing to vary; name factors or arms"
        )
    names = [arm.name for arm in spec.arms]
    problems += [
        f"arms: the name {name!r} is given twice; name each arm apart"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if not _variant_problems("control", spec.control):
        other = catalogue.find(spec.control.variant).matched_to
        if other and "hidden" not in spec.control.levels:
            problems.append(
                f"control.variant: {spec.control.variant!r} is sized to the control, so it cannot "
                f"be it; give its levels.hidden, or take another control such as {other!r}"
            )
    return problems


def _dataset_problems(name: str) -> list[str]:
    if name in DATASETS or name.startswith(DATASET_PREFIXES):
        return []
    known = ", ".join((*DATASETS, *(f"{prefix}PATH" for prefix in DATASET_PREFIXES)))
    return [f"dataset.name: unknown data set {name!r}; {nearest(name, DATASETS)}(known: {known})"]


def _variant_problems(path: str, chosen: ControlSpec) -> list[str]:
    try:
        catalogue.find(chosen.variant).resolve(chosen.levels)
    except LevelError as error:
        return [f"{path}.levels.{level}: {text}" for level, text in error.problems.items()]
    except VariantError as error:
        return [f"{path}.{error}"]
    return []


def _part_problems(path: str, base: Recipe | DataSpec, changes: Mapping[str, Any]) -> list[str]:
    try:
        changed(base, changes)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            text = _sentence(
                {**item, "loc": ("recipe" if isinstance(base, Recipe) else "dataset", *item["loc"])}
            )
            problems.append(
                f"{path}.{text.partition('.')[2]}"
                if item["loc"]
                else f"{path}: {text.partition(': ')[2]}"
            )
        return problems
    return []


def _factor_problems(spec: StudySpec, key: str, values: Sequence[Any]) -> list[str]:
    path = f"factors.{key}"
    group, dot, inner = key.partition(".")
    if not dot:
        return [p for value in values for p in _level_problems(spec, path, {key: value})]
    if group not in ("recipe", "dataset"):
        return [f"{path}: must be a level, recipe.KEY or dataset.KEY, got {key!r}"]
    base = spec.recipe if group == "recipe" else spec.dataset
    if inner == "name":
        return [f"{path}: the data set itself is not a factor yet; write a study for each"]
    if inner not in type(base).model_fields:
        known = sorted(type(base).model_fields)
        return [
            f"{path}: unknown key {inner!r}; {nearest(inner, known)}(known: {', '.join(known)})"
        ]
    told = [p for value in values for p in _part_problems(f"factors.{group}", base, {inner: value})]
    return list(dict.fromkeys(told))


def _level_problems(spec: StudySpec, path: str, level: Mapping[str, Any]) -> list[str]:
    try:
        catalogue.find(spec.control.variant).resolve({**spec.control.levels, **level})
    except UnknownVariantError:
        return []  # told under `control` already
    except LevelError as error:
        return [f"{path}: {error.problems[name]}" for name in level if name in error.problems]
    return []
