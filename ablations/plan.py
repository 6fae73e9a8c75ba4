"""The plan: which arms a study has, which runs they need, and what each run is called.

Pure: digests, counts and the store's state come in as arguments. Called by the runner and the
command line; everything later (training, tracking, reports) speaks of the runs named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from ablations.arms import Arm, ArmBuilder, DataFacts, same_arms, size_target, tuned_alike, unkept
from ablations.claims import CONTRAST_SIGN, Claim
from ablations.designs import CONTROL
from ablations.errors import SpecError
from ablations.identity import former_keys, run_identity
from ablations.quantities import ClaimFinder
from ablations.record import (
    KEY_SCHEMA,
    RunState,
    StoredRun,
    counting_attempt,
    digest,
    run_name,
)
from ablations.sizes import Layer, Networks, Shape
from ablations.spec import TUNING_SEED, ArmSpec, DataSpec, Recipe, StudySpec, canonical
from lenet_variants import catalogue


@dataclass(frozen=True)
class RunSpec:
    """One training: all a worker needs, and the key that names it.

    Attributes:
        comparison: `shared` or `tuned`, whose recipe it has; of a trial `tuning`.
        position: Its place, from 0, in the plan: seed by seed, the longest first.
        identity: What `run_key` is the digest of.
        trial: Its number, from 0, in the search for its arm's recipe; None if it is reported on.
        search: Names that search.
    """

    run_key: str
    arm: str
    comparison: str
    variant: str
    levels: Mapping[str, Any]
    input_shape: Shape
    n_classes: int
    recipe: Recipe
    dataset: DataSpec
    seed: int
    root_seed: int
    curves: str
    n_parameters: int
    n_macs: int
    position: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)
    trial: int | None = None
    search: str = ""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return run_name(self.arm, self.seed, comparison=self.comparison, trial=self.trial)

    @property
    def split_seed(self) -> int:
        """The seed of its split: that of its pairs, and one for all trials."""
        return self.seed if self.trial is None else TUNING_SEED

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the record and the plan."""
        plain = {
            **asdict(self),
            "recipe": self.recipe.model_dump(),
            "dataset": self.dataset.model_dump(),
        }
        if self.trial is None:  # as records have always been
            del plain["trial"], plain["search"]
        return {key: canonical(value) for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RunSpec:
        """The run that `to_dict` wrote; its levels stay as JSON has them.

        Raises:
            ValueError: It has keys, or values, that this code does not know.
        """
        known = {one.name for one in fields(cls)}
        if not set(plain) <= known:
            raise ValueError(f"unknown keys {sorted(set(plain) - known)}")
        return cls(
            **{
                **plain,
                "input_shape": tuple(plain["input_shape"]),
                "recipe": Recipe.model_validate(plain["recipe"]),
                "dataset": DataSpec.model_validate(plain["dataset"]),
            }
        )


@dataclass(frozen=True)
class Plan:
    """A study, worked out.

    Attributes:
        runs: Seed-major, the longest runs first within a seed.
        tuned: The arms at the recipes that tuning has chosen for them; none before it has.
        factors: Their levels, parsed, so that spelling moves no plan.
        rules: What bounds the design, parsed, where the study says anything.
        claims: What is claimed, with the values of all that is counted.
    """

    spec: StudySpec
    arms: tuple[Arm, ...]
    runs: tuple[RunSpec, ...]
    factors: Mapping[str, Any]
    rules: Mapping[str, Any]
    claims: tuple[Claim, ...] = ()
    tuned: tuple[Arm, ...] = ()

    @property
    def control(self) -> str:
        """The control on the study's first data set."""
        return self.arms[0].control

    @property
    def contrasts(self) -> list[dict[str, str]]:
        """Every arm minus the control on its data set: the primary family.

        With tuning, that is at tuned recipes, and a second family at the shared recipe.
        """
        return [
            {
                "name": f"{arm.name}{CONTRAST_SIGN}{arm.control}",
                "arm": arm.name,
                "control": arm.control,
                "comparison": comparison,
            }
            for comparison in (("tuned", "shared") if self.spec.tuning else ("shared",))
            for arm in self.arms
            if arm.name != arm.control
        ]

    @property
    def primary(self) -> list[dict[str, str]]:
        """The contrasts of the primary family."""
        first = "tuned" if self.spec.tuning else "shared"
        return [one for one in self.contrasts if one["comparison"] == first]

    def tuned_to(self, chosen: Mapping[str, Mapping[str, Any]]) -> Plan:
        """The plan once tuning has chosen the recipes of these arms: with their runs.

        Args:
            chosen: Values by arm and recipe key.
        """
        tuned = tuple(
            replace(arm.trained_with(chosen[arm.name]), comparison="tuned")
            for arm in self.arms
            if arm.name in chosen
        )
        curves = {run.arm: run.curves for run in self.runs}
        arms = [(arm, curves[arm.name]) for arm in (*self.arms, *tuned)]
        return replace(self, tuned=tuned, runs=tuple(_runs(self.spec, arms)))

    @cached_property
    def former(self) -> dict[str, str]:
        """Keys that its arms and runs had under older key schemas, each with the present one."""
        named = [(arm.arm_key, arm.identity) for arm in (*self.arms, *self.tuned)]
        named += [(run.run_key, run.identity) for run in self.runs]
        return {old: key for key, identity in named for old in former_keys(identity)}

    @property
    def digest(self) -> str:
        """Digest of everything that was decided before the results; what tuning chose is one."""
        return digest(self._content())

    @property
    def matrix(self) -> list[dict[str, Any]]:
        """The design's cells in its order, the control first: each arm's level of every factor.

        A study of several data sets has the cells on the first of them, then on the second, ...
        """
        return [
            {
                "arm": arm.name,
                "levels": {
                    key: canonical(arm.changes.get(key, _level(self.arm(arm.control), key)))
                    for key in self.spec.factors
                },
            }
            for arm in self.arms
            if self.listed(arm) is None
        ]

    def listed(self, arm: Arm) -> ArmSpec | None:
        """What the study says of an arm that it lists itself; None for those of its design."""
        place = arm.control.removeprefix(CONTROL)
        return next((one for one in self.spec.arms if one.name + place == arm.name), None)

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.arms}

    def _content(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "study": spec.study,
            "question": spec.question,
            "design": spec.design,
            "endpoint": spec.endpoint.model_dump(mode="json"),
            "control": self.control,
            "factors": canonical(self.factors),
            "matrix": self.matrix,
            **self.rules,
            "seeds": list(spec.seeds),
            **({"looks": list(spec.looks)} if spec.looks else {}),
            "root_seed": spec.root_seed,
            "curves": ", ".join(dict.fromkeys(run.curves for run in self.runs)),
            "probes": [probe.plain() for probe in spec.probes],
            **({"accept": list(spec.accept)} if spec.accept else {}),
            **({"claims": [one.digest for one in self.claims]} if self.claims else {}),
            "contrasts": self.contrasts,
            "arms": [arm.to_dict() for arm in self.arms],
            "runs": self._listed_runs("shared"),
            **({"tuning": spec.tuning.to_dict()} if spec.tuning else {}),
        }

    def _listed_runs(self, comparison: str) -> list[dict[str, Any]]:
        return [
            {key: getattr(run, key) for key in ("run_key", "arm", "comparison", "seed")}
            for run in self.runs
            if run.comparison == comparison
        ]

    def to_dict(self) -> dict[str, Any]:
        """`plan.json`: what reports and later calls read.

        An arm's family and layers, the arm whose size it was given, and what claims count follow
        from the rest and are in no digest: they are there for readers that know no variants.
        """
        content = self._content()
        arms = [
            {
                **plain,
                "family": catalogue.find(arm.variant).family,
                "matched_to": self._size_of(arm),
                "layers": [_layer(layer) for layer in arm.layers],
            }
            for plain, arm in zip(content["arms"], self.arms, strict=True)
        ]
        whole = {"schema": KEY_SCHEMA, "digest": self.digest, **content, "arms": arms}
        if self.spec.tuning:
            whole["runs"] = [*content["runs"], *self._listed_runs("tuned")]
            whole["tuned"] = {arm.name: arm.recipe.model_dump(mode="json") for arm in self.tuned}
        if self.claims:
            whole["claims"] = [one.to_dict() for one in self.claims]
        return whole

    def _size_of(self, arm: Arm) -> str | None:
        """The arm on the same data set whose size an arm was given, if any."""
        listed = self.listed(arm)
        target = None if listed is None else size_target(listed)
        return None if target is None else target + arm.control.removeprefix(CONTROL)


def _layer(layer: Layer) -> dict[str, Any]:
    keys = ("name", "n_parameters", "n_macs", "n_connections")
    return {**{k: getattr(layer, k) for k in keys}, "output_shape": list(layer.output_shape)}


def _level(arm: Arm, factor: str) -> Any:
    group, dot, key = factor.partition(".")
    if not dot:
        return arm.levels[factor]
    return getattr(arm.recipe if group == "recipe" else arm.dataset, key)


def make_plan(
    spec: StudySpec, data: Mapping[str, DataFacts], networks: Networks, *, where: str = ""
) -> Plan:
    """Work a study out into arms and runs.

    Args:
        spec: The study.
        data: What is to be known of its data sets, by name.
        networks: Counts networks and matches their sizes.
        where: What the problems of the study are told under; by default its name.

    Raises:
        SpecError: Every arm that cannot be built, fed or told from another.
    """
    alone = spec.each_dataset()
    builders = [
        ArmBuilder(one, data[one.dataset.name], networks, label if len(alone) > 1 else "")
        for label, one in alone.items()
    ]
    arms = [(arm, builder.spec) for builder in builders for arm in builder.all_arms()]
    problems = list(dict.fromkeys(text for builder in builders for text in builder.problems))
    problems += same_arms([arm for arm, _ in arms])
    if spec.tuning and not problems:
        problems += tuned_alike([arm for arm, _ in arms], spec.tuning.space)
    unbuilt = {name + one.place for one in builders for name in one.failed}
    finder = ClaimFinder([arm for arm, _ in arms], unbuilt, spec.probes, networks)
    finder.check_endpoint(spec.endpoint.metric)
    claims = finder.claims(spec.claims)
    problems += finder.problems
    problems += unkept([arm for arm, _ in arms], spec.endpoint.metric, claims)
    if problems:
        raise SpecError(where or f"study {spec.study!r}", problems)
    first = builders[0].cells
    return Plan(
        spec=spec,
        arms=tuple(arm for arm, _ in arms),
        runs=tuple(_runs(spec, [(arm, alone.curve_split) for arm, alone in arms])),
        factors=first.factors,
        rules=first.rules,
        claims=tuple(claims),
    )


def _runs(spec: StudySpec, arms: Sequence[tuple[Arm, str]]) -> Iterable[RunSpec]:
    longest_first = sorted(arms, key=lambda pair: -training_macs(pair[0]))
    ordered = ((arm, curves, seed) for seed in spec.seeds for arm, curves in longest_first)
    for position, (arm, curves, seed) in enumerate(ordered):
        run = run_of(arm, seed=seed, root_seed=spec.root_seed, curves=curves)
        yield replace(run, position=position)


def training_macs(arm: Arm) -> int:
    """Multiply-accumulates of one training of an arm, forward only."""
    return arm.n_macs * arm.n_images * arm.recipe.epochs


def run_of(
    arm: Arm, *, seed: int, root_seed: int, curves: str, trial: int | None = None
) -> RunSpec:
    """One training of an arm."""
    identity = run_identity(
        arm.identity, seed=seed, root_seed=root_seed, curves=curves, is_trial=trial is not None
    )
    return RunSpec(
        run_key=digest(identity),
        arm=arm.name,
        comparison=arm.comparison if trial is None else "tuning",
        variant=arm.variant,
        levels=arm.levels,
        input_shape=arm.input_shape,
        n_classes=arm.n_classes,
        recipe=arm.recipe,
        dataset=arm.dataset,
        seed=seed,
        root_seed=root_seed,
        curves=curves,
        n_parameters=arm.n_parameters,
        n_macs=arm.n_macs,
        identity=identity,
        trial=trial,
    )


def newest(stored: Sequence[StoredRun], run_key: str, env_key: str) -> StoredRun | None:
    """The attempt of a run that counts in this environment, if there is one."""
    held = [run for run in stored if run.run_key == run_key and run.env_key == env_key]
    counts = counting_attempt({run.attempt: run.state for run in held})
    return next((run for run in held if run.attempt == counts), None)


def run_states(env_keys: Mapping[str, str], stored: Sequence[StoredRun]) -> dict[str, str]:
    """State of every planned run by key: `done, diverged, failed, new, elsewhere`.

    Args:
        env_keys: By run key, the environment that the run would be trained in here.
        stored: What the store holds, of any study.
    """
    by_key: dict[str, list[StoredRun]] = {}
    for run in stored:
        by_key.setdefault(run.run_key, []).append(run)
    return {key: _state(by_key.get(key, []), key, env_key) for key, env_key in env_keys.items()}


def _state(stored: Sequence[StoredRun], run_key: str, env_key: str) -> str:
    here = newest(stored, run_key, env_key)
    if here is None:
        return "elsewhere" if any(run.state.is_outcome for run in stored) else "new"
    if here.state is RunState.FINISHED:
        return "done"
    if here.state is RunState.INTERRUPTED:
        return "new"
    return "diverged" if here.state is RunState.DIVERGED else "failed"
