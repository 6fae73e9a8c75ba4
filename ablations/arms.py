"""Arms: what each cell and each listed arm of a study comes to, with every level and count.

Pure; called by `plan`. Digests, sizes of networks and checks of the data come in as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ablations.cells import Cells
from ablations.claims import Claim
from ablations.designs import CONTROL, Cell, cell_name
from ablations.identity import arm_identity, retrained
from ablations.kept_epochs import MOST_PARAMETERS
from ablations.probe_cards import needs_kept_epoch
from ablations.record import digest
from ablations.search_space import Axis, corners
from ablations.sizes import Counts, Layer, Networks, Shape, Sizes
from ablations.spec import ArmSpec, DataSpec, Recipe, StudySpec, canonical, changed
from lenet_variants import catalogue
from lenet_variants.errors import VariantError


@dataclass(frozen=True)
class DataFacts:
    """What a plan must know of the data: content digest, sizes, and how a `DataSpec` misfits."""

    digest: str
    n_train: int
    input_shape: Shape
    n_classes: int
    check: Callable[[DataSpec], Sequence[str]]


@dataclass(frozen=True)
class Arm:
    """One arm, resolved: every level, the whole recipe, the whole data specification.

    Attributes:
        name: Unique in its study.
        control: The arm it is compared with, its own name if it is that arm.
        changes: What it has other than the control, by factor or key.
        n_images: Training images of one epoch.
        layers: Of its network, in the order in which they run; they add up to its counts.
        growth: Size by input size, where the study asks for it.
        megapixel: Size for a photograph, likewise; empty where the network cannot take one.
        identity: What its runs' keys are made of, but for the seed.
    """

    name: str
    control: str
    variant: str
    levels: Mapping[str, Any]
    recipe: Recipe
    dataset: DataSpec
    changes: Mapping[str, Any]
    input_shape: Shape
    n_classes: int
    n_images: int
    n_parameters: int
    n_macs: int
    n_connections: int
    layers: tuple[Layer, ...]
    growth: tuple[Mapping[str, Any], ...]
    megapixel: Mapping[str, Any]
    identity: Mapping[str, Any]
    comparison: str = "shared"

    @property
    def arm_key(self) -> str:
        """Digest of what the arm is, whatever it is called."""
        return digest(self.identity)

    def trained_with(self, values: Mapping[str, Any], *, validation: int | None = None) -> Arm:
        """The same arm with other values in its recipe, or with another number of images kept out.

        Raises:
            ValidationError: Its recipe does not take the values.
        """
        recipe = changed(self.recipe, values)
        kept = {} if validation is None else {"validation": validation}
        dataset = changed(self.dataset, kept)
        return replace(
            self,
            recipe=recipe,
            dataset=dataset,
            n_images=self.n_images + self.dataset.validation - dataset.validation,
            identity=retrained(self.identity, recipe, dataset),
        )

    def to_dict(self) -> dict[str, Any]:
        """The arm as it stands in `plan.json`, without its identity."""
        plain = {
            "name": self.name,
            "control": self.control,
            "variant": self.variant,
            "comparison": self.comparison,
            "arm_key": self.arm_key,
            "levels": self.levels,
            "recipe": self.recipe.model_dump(mode="json"),
            "dataset": self.dataset.model_dump(mode="json"),
            "changes": self.changes,
            "input_shape": self.input_shape,
            "n_classes": self.n_classes,
            "n_images": self.n_images,
            "n_parameters": self.n_parameters,
            "n_macs": self.n_macs,
            "n_connections": self.n_connections,
            "growth": self.growth,
            **({"megapixel": self.megapixel} if self.growth else {}),
        }
        return {key: canonical(value) for key, value in plain.items()}


def size_target(arm: ArmSpec) -> str | None:
    """The arm whose size a listed arm is given, if any."""
    is_sized = catalogue.find(arm.variant).matched_to and "hidden" not in arm.levels
    return arm.matched_to or (CONTROL if is_sized else None)


class ArmBuilder:
    """Resolves cells and arm specifications, collecting what is wrong instead of stopping.

    Args:
        spec: A study of one data set.
        data: What is to be known of it.
        networks: Counts networks and matches their sizes.
        label: Tells the data set from the others of the study; every arm's name ends with it.
    """

    def __init__(
        self, spec: StudySpec, data: DataFacts, networks: Networks, label: str = ""
    ) -> None:
        self.spec, self.data, self.networks = spec, data, networks
        self.place = f" on {label}" if label else ""
        self.problems: list[str] = []
        self.cells = Cells(spec, self.problems)
        self.made: dict[str, Arm] = {}
        self.failed: set[str] = set()
        self.counts: dict[str, Counts] = {}
        self.sizes = Sizes(networks, data.n_classes)

    def all_arms(self) -> list[Arm]:
        """Every arm that can be built, the control first; see `problems` for the others."""
        for cell in self.cells.left():
            self._add(cell_name(cell), self._from_cell, cell)
        for arm in self.spec.arms:
            if arm.name in self.made:
                self.problems.append(
                    f"arms: the name {arm.name!r} is taken by the design; rename the arm"
                )
            elif size_target(arm) in self.failed:
                self.failed.add(arm.name)  # what is wrong with its target has been told
            else:
                self._add(arm.name, self._from_spec, arm)
        return list(self.made.values())

    def _add(self, name: str, make: Callable[[str, Any], Arm], source: Cell | ArmSpec) -> None:
        try:
            self.made[name] = make(name, source)
        except VariantError as error:
            self.problems += [self._of(name, line) for line in str(error).splitlines()]
        except ValidationError as error:  # keys that are right alone and clash in this cell
            told = [item["msg"].removeprefix("Value error, ") for item in error.errors()]
            self.problems += [self._of(name, text) for text in told]
        if name not in self.made:
            self.failed.add(name)

    def _of(self, name: str, problem: str) -> str:
        return f"arm {name + self.place!r}: {problem}"

    def _from_cell(self, name: str, cell: Cell) -> Arm:
        parts: dict[str, dict[str, Any]] = {"levels": {}, "recipe": {}, "dataset": {}}
        for factor, level in {**cell, **self.cells.overridden(cell)}.items():
            group, dot, key = factor.partition(".")
            parts[group if dot else "levels"][key if dot else factor] = level
        variant = self.spec.control.variant
        levels = catalogue.find(variant).resolve({**self.spec.control.levels, **parts["levels"]})
        return self._arm(name, variant, levels, parts["recipe"], parts["dataset"], changes=cell)

    def _from_spec(self, name: str, arm: ArmSpec) -> Arm:
        found = catalogue.find(arm.variant)
        levels: dict[str, Any] = dict(found.resolve(arm.levels))
        matched_to = size_target(arm)
        if matched_to:
            if matched_to not in self.made:
                raise VariantError(
                    f"matched_to must name an arm that stands before it, got {matched_to!r} "
                    f"(there are: {', '.join(self.made)})"
                )
            target = self.counts[matched_to]
            levels = dict(
                self.networks.match(
                    arm.variant,
                    levels,
                    self._input_shape(arm.dataset),
                    self.data.n_classes,
                    target,
                    arm.by,
                )
            )
        changes: Cell = {"variant": arm.variant, **arm.levels}
        return self._arm(name, arm.variant, levels, arm.recipe, arm.dataset, changes=changes)

    def _changes(self, changes: Cell, recipe: Recipe, dataset: DataSpec) -> Cell:
        """What an arm sets, and all its recipe and data have other than the control's."""
        control = self.made.get(CONTROL)
        found = {key: value for key, value in changes.items() if "." not in key}
        parts = (("recipe", recipe), ("dataset", dataset)) if control else ()
        for group, part in parts:
            own = getattr(control, group)
            found |= {
                f"{group}.{key}": getattr(part, key)
                for key in type(part).model_fields
                if getattr(part, key) != getattr(own, key)
            }
        in_order = [key for key in changes if key in found]  # as the file has its factors
        return {key: found[key] for key in dict.fromkeys([*in_order, *found])}

    def _dataset(self, dataset: Mapping[str, Any]) -> DataSpec:
        """The arm's data; what asks for all images, or for their own size, asks for nothing."""
        whole = changed(self.spec.dataset, dataset)
        own = {"subset": self.data.n_train, "image_size": self.data.input_shape[1:]}
        plain = {key: None for key, value in own.items() if getattr(whole, key) == value}
        return changed(whole, plain)

    def _input_shape(self, dataset: Mapping[str, Any]) -> Shape:
        size = self._dataset(dataset).image_size
        return (self.data.input_shape[0], *(size or self.data.input_shape[1:]))

    def _arm(
        self,
        name: str,
        variant: str,
        levels: Mapping[str, Any],
        recipe: Mapping[str, Any],
        dataset: Mapping[str, Any],
        *,
        changes: Cell,
    ) -> Arm:
        whole_recipe = changed(self.spec.recipe, recipe)
        whole_dataset = self._dataset(dataset)
        misfits = list(self.data.check(whole_dataset))
        if not dataset:  # the study's own data: said once, not for every arm
            whose = f"data set{self.place.removeprefix(' on')}: " if self.place else ""
            told = [whose + text for text in misfits]
            self.problems += [text for text in told if text not in self.problems]
        else:
            self.problems += [self._of(name, t) for t in misfits if t not in self.problems]
        shape = self._input_shape(dataset)
        counts = self.sizes.count(variant, levels, shape)
        grows = self.spec.probe("image_size") is not None
        self.counts[name] = counts
        self._check_tuning(name, whole_recipe, whole_dataset)
        found = catalogue.find(variant)
        n_images = whole_dataset.subset or self.data.n_train
        return Arm(
            name=name + self.place,
            control=CONTROL + self.place,
            variant=variant,
            levels=dict(levels),
            recipe=whole_recipe,
            dataset=whole_dataset,
            changes=self._changes(changes, whole_recipe, whole_dataset),
            input_shape=shape,
            n_classes=self.data.n_classes,
            n_images=n_images - whole_dataset.validation,
            n_parameters=counts.n_parameters,
            n_macs=counts.n_macs,
            n_connections=counts.n_connections,
            layers=counts.layers,
            growth=tuple(self.sizes.growth(variant, levels, shape) if grows else ()),
            megapixel=self.sizes.megapixel(variant, levels) if grows else {},
            identity=arm_identity(found, levels, whole_recipe, whole_dataset, self.data.digest),
        )

    def _check_tuning(self, name: str, recipe: Recipe, dataset: DataSpec) -> None:
        """Whether the arm can be trained with every recipe that tuning may choose for it."""
        if self.spec.tuning is None:
            return
        told = [
            item["msg"].removeprefix("Value error, ")
            for values in corners(self.spec.tuning.space)
            for item in _problems_of(recipe, values)
        ]
        kept = self.spec.tuning_validation
        split = "dataset.validation"
        for text in self.data.check(changed(dataset, {"validation": kept})):
            own = text.replace(split, "tuning.validation", 1)  # the key that says how many
            if text.startswith(split) and own not in self.problems:
                self.problems.append(own)
        if self.spec.tuning.validation is None and dataset.validation != kept:
            told.append(
                f"keeps out {dataset.validation} images and the study {kept}; set "
                "tuning.validation, so that all arms are tuned on as many"
            )
        for text in dict.fromkeys(told):
            self.problems.append(f"tuning: {self._of(name, text)}")


def _problems_of(recipe: Recipe, values: Mapping[str, Any]) -> list[Any]:
    try:
        changed(recipe, values)
    except ValidationError as error:
        return list(error.errors())
    return []


def tuned_alike(arms: Sequence[Arm], space: Mapping[str, Axis]) -> list[str]:
    """A sentence for every arm that has other than one before it only what is tuned."""
    problems: list[str] = []
    first: dict[str, Arm] = {}
    for arm in arms:
        try:
            held = first.setdefault(arm.trained_with(corners(space)[0]).arm_key, arm)
        except ValidationError:  # which was told of it already
            continue
        if held is not arm:
            problems.append(
                f"arm {arm.name!r}: has other than arm {held.name!r} only what is tuned "
                f"({', '.join(space)}), so that both would be tuned to one recipe; drop one"
            )
    return problems


def unkept(arms: Sequence[Arm], endpoint: str, claims: Sequence[Claim]) -> list[str]:
    """A sentence for every metric asked of an arm that is too large for its epochs to be kept.

    Args:
        arms: Of the study.
        endpoint: Its metric.
        claims: What is claimed; by default in the endpoint.
    """
    asked = [("endpoint.metric", endpoint, {arm.name for arm in arms})]
    for number, claim in enumerate(claims):
        metrics = [claim.metric]
        if claim.statement is not None:
            metrics = [claim.statement.left.metric, claim.statement.right.metric]
        asked += [(f"claims.{number}", metric, {*claim.sides}) for metric in metrics if metric]
    return [
        f"{where}: {metric} is not measured of arm {arm.name!r}, which has {arm.n_parameters:,} "
        f"parameters: above {MOST_PARAMETERS:,} only the last weights are kept; take the metric "
        "without epoch_K_, or epoch_0_"
        for where, metric, names in asked
        if needs_kept_epoch(metric)
        for arm in arms
        if arm.name in names and arm.n_parameters > MOST_PARAMETERS
    ]


def same_arms(arms: Sequence[Arm]) -> list[str]:
    """A sentence for every arm that is the same training as one before it."""
    problems: list[str] = []
    first: dict[str, Arm] = {}
    for arm in arms:
        held = first.setdefault(arm.arm_key, arm)
        if held is not arm:
            problems.append(
                f"arm {arm.name!r}: is the same network, recipe and data as arm {held.name!r}; "
                "drop one"
            )
    return problems
