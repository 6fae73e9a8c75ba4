"""The study file: read, overridden, checked, and every problem it has told at once.

Called by the command line and by users of `run_study`. Knows the cards of `lenet_variants`
(torch-free) and nothing of data or training: sizes and counts are checked in `plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ablations.errors import SpecError
from ablations.spec import StudySpec
from ablations.study_problems import meaning, sentence
from lenet_variants import catalogue

Misfits = Callable[[StudySpec], Sequence[str]]

# Without these right, no arm can be built.
_NEEDED = ("control", "arms", "factors", "dataset", "exclude", "require", "overrides", "ladder")


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
    """Set one key of `raw`; what is on the way is copied or made, shorthands written out."""
    # A factor's own name has dots: `factors.recipe.learning_rate` is two keys.
    first, *rest = path.split(".", maxsplit=1 if path.startswith("factors.") else -1)
    *parents, last = [first, *rest]
    target: Any = raw
    for place, parent in enumerate(parents, start=1):
        key: Any = _key_in(target, parent, path)
        inner = target[key] if isinstance(target, list) else target.get(key)
        if isinstance(inner, str) and first in _SHORTHAND:
            inner = {_SHORTHAND[first]: inner}
        if not isinstance(inner, dict | list | None):
            whole = ".".join(parents[:place])
            problem = f"{path}: {whole!r} is no mapping, got {inner!r}; set {whole!r} as a whole"
            raise SpecError("--set", [problem])
        target[key] = list(inner) if isinstance(inner, list) else dict(inner or {})
        target = target[key]
    target[_key_in(target, last, path)] = value


def _key_in(target: dict[str, Any] | list[Any], key: str, path: str) -> str | int:
    """The key of a mapping, or the number of a list's entry."""
    if isinstance(target, dict):
        return key
    if key.isdecimal() and int(key) < len(target):
        return int(key)
    problem = f"{path}: {key!r} is no entry of the list there; number one, 0 to {len(target) - 1}"
    raise SpecError("--set", [problem])


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
        told = meaning(spec)
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
        places = [_as_written(item["loc"], raw) for item in error.errors()]
        found = zip(error.errors(), places, strict=True)
        problems = [sentence({**item, "loc": place}) for item, place in found]
        rest = _without(raw, places)
    try:
        return StudySpec.model_validate(_with_stand_ins(rest)), problems
    except ValidationError:
        return None, problems


def _as_written(place: tuple[int | str, ...], raw: Mapping[str, Any]) -> tuple[int | str, ...]:
    """The path of a key in the file: one data set need not be written as a list.

    Of seeds, pydantic says second which of the two ways to write them it took.
    """
    if place[:1] == ("seeds",):
        return (place[0], *place[2:])
    if place[:1] == ("dataset",) and not isinstance(raw["dataset"], list | tuple):
        return (place[0], *place[2:])
    return place


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
            left = {inner: item for inner, item in value.items() if inner not in bad[key]}
            rest |= {key: left} if left else {}
        elif isinstance(value, list) and "" not in bad[key]:
            rest[key] = [
                item if number not in bad[key] else _STAND_INS[key](number)
                for number, item in enumerate(value)
                if number not in bad[key] or key in _STAND_INS
            ]
    return rest


_STAND_INS: dict[str, Callable[[int], dict[str, Any]]] = {
    "dataset": lambda number: {"name": f"npz:dataset.{number}", "validation": 1},
    "arms": lambda number: {"name": f"arms.{number}", "variant": catalogue.names()[0]},
    "claims": lambda number: {
        "text": f"claims.{number}",
        "statement": {"left": 0, "relation": "less", "right": 1},
    },
}
"""A sound entry in the place of one at fault, so that those after it keep their numbers."""


def _with_stand_ins(rest: Mapping[str, Any]) -> dict[str, Any]:
    """Sound values for required keys that are at fault, so that the others are still checked."""
    return {"study": "-", **rest, "endpoint": {"margin": 1.0, **rest.get("endpoint", {})}}
