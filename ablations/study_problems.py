"""What is wrong with a study, in words: keys of the wrong shape, and values that mean nothing.

Called by `study_file`. Each problem is one sentence with its key path, what came and what is
allowed. Knows the cards of `lenet_variants` (torch-free) and nothing of data or training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ablations.claims import CONTRAST_SIGN
from ablations.errors import nearest
from ablations.spec import (
    DATASET_PREFIXES,
    DATASETS,
    TUNING_SEED,
    ControlSpec,
    DataSpec,
    Recipe,
    StudySpec,
    changed,
)
from ablations.strict import demand
from lenet_variants import catalogue
from lenet_variants.errors import LevelError, UnknownVariantError, VariantError

_SWITCHED = ("leave-one-out", "add-one-in", "zip", "pairs")  # nothing without their factors


def sentence(error: Mapping[str, Any], root: type[BaseModel] = StudySpec) -> str:
    """One of pydantic's errors in words; `root` is the model that its location starts from."""
    path = ".".join(str(part) for part in error["loc"]) or "study"
    kind, got = error["type"], error["input"]
    if kind == "extra_forbidden":
        known = _known_keys(error["loc"], root)
        key = str(error["loc"][-1])
        return f"{path}: unknown key {key!r}; {nearest(key, known)}(known: {', '.join(known)})"
    if kind == "missing":
        return f"{path}: {demand(error)}"
    if kind == "value_error":
        return f"{path}: {error['msg'].removeprefix('Value error, ')}"
    if kind == "string_pattern_mismatch" and path.endswith("permutation"):
        expected = "must be none, fixed or blocks-N"
    elif kind == "string_pattern_mismatch":
        expected = "must not contain control characters"
    else:
        expected = demand(error)
    hint = ""
    if kind == "literal_error":
        hint = nearest(str(got), re.findall(r"'([^']*)'", error["ctx"]["expected"]))
    return f"{path}: {expected}, got {got!r}" + (f"; {hint.strip()}" if hint else "")


def _known_keys(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in location[:-1]:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(part, str) and part in fields:
            model = _model_in(fields[part].annotation) or model
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def meaning(spec: StudySpec) -> list[str]:
    """What a well-shaped file can still get wrong: names, levels, factors, metrics."""
    unfit = _dataset_recipe_problems(spec)
    if unfit:  # without them, the rest can still be told
        plain = tuple(one.model_copy(update={"recipe": {}}) for one in spec.datasets)
        spec = spec.model_copy(update={"datasets": plain})
    return [*unfit, *_problems_by_dataset(spec), *_study_problems(spec)]


def _problems_by_dataset(spec: StudySpec) -> list[str]:
    """What is wrong with the arms, and on which data set where it is not wrong on all."""
    found = {label: _arm_problems(alone) for label, alone in spec.each_dataset().items()}
    problems = [
        text if all(text in told for told in found.values()) else f"{text} (on {label})"
        for label, own in found.items()
        for text in own
    ]
    return list(dict.fromkeys(problems))


def _arm_problems(spec: StudySpec) -> list[str]:
    """What is wrong with the arms of a study of one data set, and with the rules over them."""
    problems = _variant_problems("control", spec.control)
    for number, arm in enumerate(spec.arms):
        problems += _variant_problems(f"arms.{number}", arm)
        problems += _part_problems(f"arms.{number}.recipe", spec.recipe, arm.recipe)
        problems += _part_problems(f"arms.{number}.dataset", spec.dataset, arm.dataset)
    problems += [
        p for key, values in spec.factors.items() for p in _factor_problems(spec, key, values)
    ]
    return problems + _rule_problems(spec)


def _rule_problems(spec: StudySpec) -> list[str]:
    """What is wrong with the ladder and with rules: their factors, and levels none would take."""
    problems = []
    rules = [(f"exclude.{n}", rule) for n, rule in enumerate(spec.exclude)]
    rules += [(f"require.{n}", rule) for n, rule in enumerate(spec.require)]
    rules += [(f"overrides.{n}.match", one.match) for n, one in enumerate(spec.overrides)]
    for where, rule in rules:
        for factor, level in rule.items():
            if factor in spec.factors:
                told = _factor_problems(spec, factor, [level])
                problems += [p.replace(f"factors.{factor}", f"{where}.{factor}", 1) for p in told]
            else:
                problems.append(_no_factor(spec, where, factor))
    problems += [
        _no_factor(spec, "ladder", name) for name in spec.ladder if name not in spec.factors
    ]
    for number, one in enumerate(spec.overrides):
        where = f"overrides.{number}"
        problems += _part_problems(f"{where}.recipe", spec.recipe, one.recipe)
        problems += _part_problems(f"{where}.dataset", spec.dataset, one.dataset)
        keys = [f"recipe.{key}" for key in one.recipe] + [f"dataset.{key}" for key in one.dataset]
        problems += [
            f"{where}.{key}: is a factor of this study already; drop one of the two"
            for key in keys
            if key in spec.factors
        ]
        if not keys:
            problems.append(f"{where}: sets nothing; give it a recipe or a dataset")
    if spec.ladder and spec.design != "add-one-in":
        problems.append(f"ladder: belongs to design 'add-one-in', got design {spec.design!r}")
    if len(set(spec.ladder)) < len(spec.ladder):
        problems.append(f"ladder: names a factor twice: {', '.join(spec.ladder)}")
    return problems


def _no_factor(spec: StudySpec, where: str, name: str) -> str:
    known = list(spec.factors)
    return (
        f"{where}: {name!r} is no factor of this study; {nearest(name, known)}"
        f"(factors: {', '.join(known) or 'none'})"
    )


def _study_problems(spec: StudySpec) -> list[str]:
    problems = [*_dataset_problems(spec), *_look_problems(spec), *_tuning_problems(spec)]
    if spec.curves == "validation" and not all(one.validation for one in spec.datasets):
        problems.append(
            "curves: 'validation' needs a split; set dataset.validation to a number of images"
        )
    if spec.design == "arms" and spec.factors:
        problems.append(
            "factors: design 'arms' takes none; use 'one-factor', 'grid' or another design"
        )
    if spec.design in _SWITCHED and not spec.factors:
        problems.append(f"factors: design {spec.design!r} needs the parts to switch; name factors")
    elif spec.design != "arms" and not spec.factors and not spec.arms:
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


def _tuning_problems(spec: StudySpec) -> list[str]:
    """What the search clashes with elsewhere in the study; each arm is asked in `arms`."""
    if spec.tuning is None:
        return []
    problems = [
        f"tuning.space.{key}: is a factor of this study, so tuning it would undo the factor; drop "
        "one of the two"
        for key in spec.tuning.space
        if f"recipe.{key}" in spec.factors
    ]
    if "loss" in spec.tuning.space and spec.endpoint.metric.endswith("/loss"):
        problems.append(
            "tuning.space.loss: recipes are chosen by their loss here, and losses of two kinds "
            "cannot be compared; leave it out, or take an accuracy as the endpoint"
        )
    without = [label for label, one in spec.each_dataset().items() if not one.tuning_validation]
    if without:
        problems.append(
            f"tuning.validation: recipes are chosen by images kept out of training, and "
            f"{', '.join(without)} keeps none; set it to a number of images"
        )
    if max(spec.seeds) >= TUNING_SEED:
        problems.append(
            f"seeds: must be below {TUNING_SEED:,}, where the seeds of tuning begin, got "
            f"{max(spec.seeds)}"
        )
    return problems


def _look_problems(spec: StudySpec) -> list[str]:
    if not spec.looks or spec.factors or spec.arms:
        return []
    return [
        "seeds.looks: seeds are added until every contrast is decided, and this study has none; "
        "give a number of seeds, or arms"
    ]


def _dataset_problems(spec: StudySpec) -> list[str]:
    problems = []
    known = ", ".join((*DATASETS, *(f"{prefix}PATH" for prefix in DATASET_PREFIXES)))
    for number, name in enumerate(one.name for one in spec.datasets):
        where = f"dataset.{number}.name" if len(spec.datasets) > 1 else "dataset.name"
        if name not in DATASETS and not name.startswith(DATASET_PREFIXES):
            hint = nearest(name, DATASETS)
            problems.append(f"{where}: unknown data set {name!r}; {hint}(known: {known})")
        if len(spec.datasets) > 1 and CONTRAST_SIGN in name:
            problems.append(
                f"{where}: must not contain {CONTRAST_SIGN!r} beside other data sets, since their "
                f"names are part of the arms', got {name!r}; rename the folder or file"
            )
    return problems


def _dataset_recipe_problems(spec: StudySpec) -> list[str]:
    """What is wrong with the recipes that a study's data sets have of their own."""
    if len(spec.datasets) == 1 and spec.datasets[0].recipe:
        return ["dataset.recipe: belongs to one of several data sets; put it under recipe"]
    problems = []
    for number, one in enumerate(spec.datasets):
        where = f"dataset.{number}.recipe"
        problems += _part_problems(where, spec.recipe, one.recipe)
        problems += [
            f"{where}.{key}: is a factor of this study already; drop one of the two"
            for key in one.recipe
            if f"recipe.{key}" in spec.factors
        ]
    return problems


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
        told = [(item["loc"], sentence(item, type(base))) for item in error.errors()]
        return [
            f"{path}.{text}" if location else f"{path}: {text.partition(': ')[2]}"
            for location, text in told
        ]
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
        return [f"{path}: the data set is no factor; give the key dataset a list of them"]
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
