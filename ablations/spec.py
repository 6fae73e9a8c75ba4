"""What a study says: its shape, its defaults, and what a single value of it may be.

Filled by `study_file`, read by everything after it. Knows nothing of files, variants or data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_serializer,
    field_validator,
    model_validator,
)

from ablations.claims import CONTRAST_SIGN, ClaimSpec
from ablations.designs import level_text
from ablations.probe_cards import ProbeSpec
from ablations.search_space import Axis, Space, cells, fitted
from ablations.seed_plan import LooksSpec, SeedPlan
from ablations.strict import Strict

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Comparison = Literal["shared", "tuned"]
Curves = Literal["train", "validation", "test"]
Design = Literal["one-factor", "grid", "pairs", "zip", "leave-one-out", "add-one-in", "arms"]
Probe = Annotated[ProbeSpec, PlainValidator(ProbeSpec.parse), PlainSerializer(ProbeSpec.plain)]
Acceptable = Literal[
    "control_changed",
    "endpoint_changed",
    "seeds_dropped",
    "unequal_epochs",
    "unequal_seeds",
    "unequal_trials",
]
"""Reasons to give no verdict that a study may overrule; its report then says so at the top."""
DATASETS = ("fashion-mnist", "mnist", "kmnist", "cifar10", "digits")
DATASET_PREFIXES = ("idx:", "images:", "npz:")
TUNING_SEED = 1_000_000
"""Trial i of every arm has the seed `TUNING_SEED + i`, and they all the split of the first."""


class Recipe(Strict):
    """How an arm is trained. Units: `learning_rate` a step, `warmup` epochs, `epochs` passes."""

    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: float = Field(0.001, gt=0)
    momentum: Fraction = 0.0
    weight_decay: float = Field(0.0, ge=0)
    batch_size: int = Field(256, ge=1)
    epochs: int = Field(5, ge=1)
    schedule: Literal["constant", "cosine", "onecycle", "step"] = "constant"
    warmup: float = Field(0.0, ge=0)
    init: Literal["default", "xavier_uniform", "kaiming", "lecun1998", "lecun1998_sqrt"] = "default"
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    label_smoothing: Fraction = 0.0
    augmentation: Literal["none", "shift", "flip", "crop", "rotate"] = "none"
    gradient_clip: float | None = Field(None, gt=0)
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    deterministic: bool = True

    @model_validator(mode="after")
    def _nothing_is_ignored(self) -> Recipe:
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum is used by sgd only, got optimizer {self.optimizer!r}")
        if self.label_smoothing and self.loss != "cross_entropy":
            raise ValueError(f"label_smoothing needs cross_entropy, got loss {self.loss!r}")
        if self.warmup and self.schedule == "onecycle":
            raise ValueError("warmup is part of onecycle already; leave it out")
        if self.warmup >= self.epochs:
            raise ValueError(f"warmup must be below epochs ({self.epochs}), got {self.warmup}")
        return self


class DataSpec(Strict):
    """Which images a run sees. `subset` and `validation` count training images."""

    name: Name
    subset: int | None = Field(None, ge=1)
    validation: int = Field(0, ge=0)
    image_size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    normalise: Literal["unit", "standard", "lecun1998"] = "unit"
    permutation: str = Field("none", pattern=r"^(none|fixed|blocks-[1-9][0-9]*)$")
    label_noise: float = Field(0.0, ge=0, le=1)


class DatasetSpec(DataSpec):
    """An entry of a list of data sets; `recipe` holds what differs from the study's on this one."""

    recipe: dict[str, Any] = {}

    @property
    def images(self) -> DataSpec:
        """What it says of images."""
        return DataSpec.model_validate(self.model_dump(exclude_unset=True, exclude={"recipe"}))


class EndpointSpec(Strict):
    """The metric of record and the smallest difference in it that matters."""

    metric: str = "test/accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"
    margin: float = Field(gt=0)
    alpha: float = Field(0.05, gt=0, lt=0.5)

    @model_validator(mode="before")
    @classmethod
    def _loss_is_minimised(cls, raw: Any) -> Any:
        if (
            isinstance(raw, dict)
            and "direction" not in raw
            and str(raw.get("metric", "")).endswith("loss")
        ):
            return {**raw, "direction": "minimize"}
        return raw


class TuningSpec(Strict):
    """How each arm's recipe is searched for: the same for all, by their validation images.

    Attributes:
        trials: Trainings of each arm that count; a grid has as many as it has cells.
        validation: Images kept out of training to tune on; by default the data set's own split.
        max_repeats: How often a trial that failed is tried again; one that diverged has counted.
    """

    trials: int | None = Field(None, ge=1)
    space: Space
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    validation: int | None = Field(None, ge=1)
    max_repeats: int = Field(3, ge=0)

    @field_validator("space")
    @classmethod
    def _is_of_a_recipe(cls, space: dict[str, Axis]) -> dict[str, Axis]:
        return fitted(space, Recipe)

    @model_validator(mode="after")
    def _has_a_budget(self) -> TuningSpec:
        if self.sampler != "grid":
            if self.trials is None:
                raise ValueError(f"trials is required by the sampler {self.sampler!r}")
            return self
        open_axes = [key for key, axis in self.space.items() if axis.values is None]
        if open_axes:
            raise ValueError(
                f"the sampler 'grid' needs lists of values, got {', '.join(open_axes)} with low "
                "and high"
            )
        if self.trials not in (None, n_cells := len(cells(self.space))):
            raise ValueError(
                f"trials must be the grid's {n_cells} cells, got {self.trials}; leave it out"
            )
        return self

    @property
    def n_trials(self) -> int:
        """Trainings of each arm that count."""
        return self.trials if self.trials is not None else len(cells(self.space))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the number of trials worked out."""
        return {**self.model_dump(mode="json", exclude={"trials"}), "n_trials": self.n_trials}


class ControlSpec(Strict):
    """The arm the others are compared with: a registered variant and the levels that differ."""

    variant: Name
    levels: dict[str, Any] = {}


class ArmSpec(ControlSpec):
    """A further arm; `recipe` and `dataset` hold only what differs from the study's."""

    name: Name
    recipe: dict[str, Any] = {}
    dataset: dict[str, Any] = {}
    matched_to: str | None = None
    by: Literal["parameters", "macs"] = "parameters"

    @field_validator("name")
    @classmethod
    def _no_contrast_sign(cls, name: str) -> str:
        if CONTRAST_SIGN in name:
            raise ValueError(
                f"must not contain {CONTRAST_SIGN!r}, which separates the arms of a contrast"
            )
        return name


class OverrideSpec(Strict):
    """What the cells of a design that match a rule have other than the study's recipe and data."""

    match: dict[str, Any] = Field(min_length=1)
    recipe: dict[str, Any] = {}
    dataset: dict[str, Any] = {}


def _under(key: str) -> BeforeValidator:
    return BeforeValidator(lambda raw: {key: raw} if isinstance(raw, str) else raw)


def _as_list(raw: Any) -> Any:
    return list(raw) if isinstance(raw, list | tuple) else [raw]


def _arm(raw: Any) -> Any:
    if isinstance(raw, str):
        return {"name": raw, "variant": raw}
    if isinstance(raw, dict) and "name" not in raw and isinstance(raw.get("variant"), str):
        return {**raw, "name": raw["variant"]}
    return raw


class StudySpec(Strict):
    """One question about an architecture, and everything needed to answer it."""

    model_config = ConfigDict(serialize_by_alias=True)

    study: Name
    question: str = Field("", max_length=2000)
    datasets: Annotated[
        tuple[Annotated[DatasetSpec, _under("name")], ...],
        BeforeValidator(_as_list),
        Field(alias="dataset", min_length=1),
    ]
    control: Annotated[ControlSpec, _under("variant")]
    design: Design = "one-factor"
    factors: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    ladder: tuple[str, ...] = ()
    exclude: tuple[Annotated[dict[str, Any], Field(min_length=1)], ...] = ()
    require: tuple[Annotated[dict[str, Any], Field(min_length=1)], ...] = ()
    overrides: tuple[OverrideSpec, ...] = ()
    arms: tuple[Annotated[ArmSpec, BeforeValidator(_arm)], ...] = ()
    seed_plan: SeedPlan = Field((0, 1, 2, 3, 4), alias="seeds")
    recipe: Recipe = Recipe()
    curves: Curves | None = None
    tuning: TuningSpec | None = None
    endpoint: EndpointSpec
    probes: tuple[Probe, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()
    accept: tuple[Acceptable, ...] = ()
    plugins: tuple[str, ...] = ()
    root_seed: int = Field(0, ge=0)

    @field_validator("datasets")
    @classmethod
    def _distinct_datasets(cls, datasets: tuple[DatasetSpec, ...]) -> tuple[DatasetSpec, ...]:
        for number, one in enumerate(datasets):
            if one.images in [before.images for before in datasets[:number]]:
                raise ValueError(
                    f"has the images of {one.name!r} twice; drop one, or give them other keys "
                    "than the recipe"
                )
        return datasets

    @field_validator("probes")
    @classmethod
    def _distinct_probes(cls, probes: tuple[ProbeSpec, ...]) -> tuple[ProbeSpec, ...]:
        names = [probe.name for probe in probes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"names {name!r} twice; drop one")
        return probes

    @field_validator("seed_plan")
    @classmethod
    def _distinct_seeds(cls, seeds: tuple[int, ...] | LooksSpec) -> tuple[int, ...] | LooksSpec:
        if isinstance(seeds, LooksSpec):
            return seeds
        if not seeds:
            raise ValueError("needs at least one seed")
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"names a seed twice: {sorted(seeds)}")
        return seeds

    @field_validator("claims")
    @classmethod
    def _distinct_claims(cls, claims: tuple[ClaimSpec, ...]) -> tuple[ClaimSpec, ...]:
        texts = [one.text for one in claims]
        for text in texts:
            if texts.count(text) > 1:
                raise ValueError(f"says {text!r} twice; give each claim its own words")
        return claims

    @field_serializer("datasets", mode="wrap")
    def _one_stands_alone(self, value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        """As the file has it: one data set as a mapping, several as a list."""
        several = handler(value)
        return several if len(several) > 1 else several[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that a run may have; with looks, those up to the last of them."""
        chosen = self.seed_plan
        return tuple(range(chosen.looks[-1])) if isinstance(chosen, LooksSpec) else chosen

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds after which the results are looked at; empty for once, at the end."""
        return self.seed_plan.looks if isinstance(self.seed_plan, LooksSpec) else ()

    @property
    def dataset(self) -> DataSpec:
        """The data set of a study of one; see `each_dataset`."""
        (only,) = self.datasets
        return only.images

    def each_dataset(self) -> dict[str, StudySpec]:
        """The same study on each of its data sets alone, by what tells that one from the others.

        A label is the data set's name; where two entries share it, the rest of what they say
        follows: `digits,subset=500`. Where all share one, it tells nothing apart: `subset=500`.
        """
        names = [one.name for one in self.datasets]
        labels = [
            one.name if names.count(one.name) == 1 else _entry(one, is_named=len(set(names)) > 1)
            for one in self.datasets
        ]
        alone = [
            self.model_copy(update={"datasets": (one,), "recipe": changed(self.recipe, one.recipe)})
            for one in self.datasets
        ]
        return dict(zip(labels, alone, strict=True))

    @property
    def tuning_validation(self) -> int:
        """Images that a study of one data set tunes on; 0 where nothing says how many."""
        return (self.tuning and self.tuning.validation) or self.dataset.validation

    @property
    def curve_split(self) -> Curves:
        """The split whose curve is recorded every epoch."""
        return self.curves or ("validation" if self.dataset.validation else "train")

    def probe(self, name: str) -> ProbeSpec | None:
        """The probe of that name, if the study asks for it."""
        return next((probe for probe in self.probes if probe.name == name), None)


def _entry(data: DatasetSpec, *, is_named: bool) -> str:
    own = data.model_dump(
        mode="json", exclude_unset=True, exclude_none=True, exclude={"name", "recipe"}
    )
    told = [f"{key}={level_text(value)}" for key, value in own.items()]
    return ",".join([data.name, *told] if is_named or not told else told)


Part = TypeVar("Part", bound=Strict)


def changed(base: Part, changes: Mapping[str, Any]) -> Part:
    """`base` with `changes` put in and checked again."""
    return type(base).model_validate({**base.model_dump(exclude_unset=True), **changes})


def canonical(value: Any) -> Any:
    """`value` as JSON would hold it, with whole floats kept floats and tuples made lists."""
    if isinstance(value, (tuple, list)):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} has no place in JSON")
    return value
