"""A study made ready: its data loaded, its plan worked out and checked against both and the device.

Called by the runner, and by the commands that look at a plan and train nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ablations import compiler, data, devices, history, labels, pace
from ablations.arms import Arm, DataFacts
from ablations.checkpoints import Checkpoint, Checkpoints
from ablations.differences import Comparison, compare
from ablations.errors import DataError, SpecError, nearest
from ablations.estimates import TRAINED_STATES, Estimate, Known, estimate
from ablations.grouping import MOST, grouped
from ablations.jobs import Stack, Worker, data_key
from ablations.options import RunOptions
from ablations.ordering import ordered
from ablations.outcomes import Job
from ablations.plan import RunSpec, make_plan, run_states, training_macs
from ablations.record import StoredRun
from ablations.seeding import Cell, Ending, Seeding, seeding_of, stored_outcomes, with_spared
from ablations.spec import TUNING_SEED, DataSpec, StudySpec
from ablations.study_file import plugin_source
from ablations.timing import Measured
from ablations.timing import measure as measure_paces
from ablations.trials import SearchState, search_name
from lenet_variants import anatomy, measure


class Prepared:
    """A study with its data and its plan, ready to be run on one device."""

    def __init__(self, spec: StudySpec, options: RunOptions, *, download: bool = True) -> None:
        """Load the data, work out the plan and check it against both.

        Args:
            spec: The study.
            options: How it is to be run.
            download: Whether data that are not here may be fetched.

        Raises:
            DataError: The data set cannot be had.
            SpecError: The study does not fit the data, the networks or the device.
        """
        if not options.cuda_graphs:
            compiler.leave_out()
        self.spec, self.options = spec, options
        self._env_keys: dict[str, str] = {}
        self.device = devices.choose(options.device)
        self.raw = {
            one.name: data.load(one.name, data_dir=options.data_dir, download=download)
            for one in spec.datasets
        }
        facts = {name: _facts(raw) for name, raw in self.raw.items()}
        self.plan = make_plan(spec, facts, measure, where=self._where)
        problems = [*self._precision_problems(), *self._batch_problems(), *self._graph_problems()]
        if problems:
            raise SpecError(self._where, problems)
        self._check_choice()

    @property
    def _where(self) -> str:
        return str(self.options.study_file or f"study {self.spec.study!r}")

    def _check_choice(self) -> None:
        arms, seeds = [arm.name for arm in self.plan.arms], self.spec.seeds
        problems = [
            f"--only: no arm {name!r} in this study; {nearest(name, arms)}(arms: {', '.join(arms)})"
            for name in self.options.only
            if name not in arms
        ]
        problems += [
            f"--seeds: no seed {seed} in this study (seeds: {', '.join(map(str, seeds))})"
            for seed in self.options.seeds
            if seed not in seeds
        ]
        if problems:
            raise SpecError(self._where, problems)

    def is_named(self, arm: str) -> bool:
        """Whether an arm is one that this call is for."""
        return not self.options.only or arm in self.options.only

    def is_chosen(self, run: RunSpec) -> bool:
        """Whether `run` is of the arms and seeds that this call is for."""
        seeds = self.options.seeds
        return self.is_named(run.arm) and (not seeds or run.seed in seeds)

    def _precision_problems(self) -> Iterator[str]:
        for arm in self.plan.arms:
            if "tf32" in self._tried(arm, "precision") and self.device.type != "cuda":
                yield (
                    f"arm {arm.name!r}: recipe.precision 'tf32' needs cuda, "
                    f"got {self.device.type!r}"
                )

    def _tried(self, arm: Arm, key: str) -> Collection[Any]:
        """The value of a recipe key that an arm has, and those that tuning may give it."""
        axis = self.spec.tuning.space.get(key) if self.spec.tuning else None
        if axis is None:
            return {getattr(arm.recipe, key)}
        low, high = axis.ends
        values = axis.values or range(int(low), int(high) + 1, int(axis.step or 1))
        return {getattr(arm.recipe, key), *values}

    def _batch_problems(self) -> Iterator[str]:
        """Batch norm has no variance to divide by where a batch holds one value a feature."""
        for arm in self.plan.arms:
            counts = {arm.n_images}
            if self.spec.tuning:
                kept = self.spec.tuning.validation or arm.dataset.validation
                counts.add(arm.n_images + arm.dataset.validation - kept)
            sizes = sorted(self._tried(arm, "batch_size"))
            alone = [(size, n) for size in sizes for n in sorted(counts) if n % size == 1 % size]
            if alone and (layers := _normed_alone(arm)):
                size, n = alone[0]
                yield (
                    f"arm {arm.name!r}: {', '.join(layers)} normalises over the batch and needs "
                    f"two images of it, and recipe.batch_size {size} leaves a last batch of one "
                    f"of {n:,} images; use another batch_size or subset"
                )

    def _graph_problems(self) -> Iterator[str]:
        if self.options.cuda_graphs and self.device.type != "cuda":
            yield f"--cuda-graphs needs a cuda device, got {self.device.type!r}; leave it out"
        if self.options.cuda_graphs and self.options.stack == 1:
            yield "--cuda-graphs is for stacks, got --stack 1; leave one of the two out"

    def tuned_to(self, found: Mapping[str, Any]) -> None:
        """Take in what tuning has chosen.

        Args:
            found: `tuning.json`; searches in it that are not this study's any more are left out.
        """
        chosen = {
            one["arm"]: one["chosen"]
            for one in found.get("arms", ())
            if self.searches.get(one["arm"]) == one["search"] and one["chosen"]
        }
        self.plan = self.plan.tuned_to(chosen)

    @cached_property
    def searches(self) -> dict[str, str]:
        """The name of every arm's search."""
        return {arm.name: search_name(self.spec, arm, self.env_key) for arm in self.plan.arms}

    def search_states(self, trials: Sequence[StoredRun]) -> list[SearchState]:
        """How far the search of every arm is, by the trials in the store; none without tuning."""
        tuning = self.spec.tuning
        if tuning is None:
            return []
        ended = {(run.search, run.seed) for run in trials if run.state.is_outcome}
        failed = Counter((run.search, run.seed) for run in trials if run.state.is_failure)
        ended |= {trial for trial, n in failed.items() if n > tuning.max_repeats}
        known = Counter(search for search, seed in ended if seed < TUNING_SEED + tuning.n_trials)
        chosen = {
            arm.name: {key: getattr(arm.recipe, key) for key in tuning.space}
            for arm in self.plan.tuned
        }
        return [
            SearchState(arm, known[search], tuning.n_trials, chosen.get(arm))
            for arm, search in self.searches.items()
        ]

    @cached_property
    def comparison(self) -> Comparison:
        """What each arm has other than the control."""
        return compare(self.plan)

    def env_key(self, run: RunSpec) -> str:
        """The environment `run` would be trained in here."""
        precision = run.recipe.precision
        if precision not in self._env_keys:
            self._env_keys[precision] = devices.environment(self.device, precision).env_key
        return self._env_keys[precision]

    @property
    def plan_json(self) -> dict[str, Any]:
        """See `Plan.to_dict`."""
        return self.plan.to_dict()

    def states(
        self, stored: Sequence[StoredRun], past: history.History | None = None
    ) -> dict[str, str]:
        """See `run_states`; with looks, runs that none of them will ask for are `spared`.

        Args:
            stored: What the store holds, of any study; for looks with values of the endpoint.
            past: The study's history.
        """
        states = run_states({run.run_key: self.env_key(run) for run in self.plan.runs}, stored)
        seeding = self.seeding(past or [])
        if seeding is None:
            return states
        standing = seeding.standing(self.outcomes(stored))
        return with_spared(states, self.plan_json["runs"], standing)

    def seeding(self, past: history.History) -> Seeding | None:
        """How the study adds seeds; None where it plans no looks."""
        return seeding_of(self.plan_json, past) if self.spec.looks else None

    def outcomes(self, stored: Sequence[StoredRun]) -> dict[Cell, dict[int, Ending]]:
        """What planned runs have come to in the environment they would be trained in here."""
        env_keys = {run.run_key: self.env_key(run) for run in self.plan.runs}
        here = [held for held in stored if env_keys.get(held.run_key) == held.env_key]
        return stored_outcomes(self.plan_json["runs"], here)

    def measured(self, states: Mapping[str, str]) -> dict[str, Measured | None]:
        """The pace of every arm that is still to be trained, timed now and kept for later plans.

        Args:
            states: From `states`.
        """
        first: dict[str, RunSpec] = {}
        for run in self.plan.runs:
            if states[run.run_key] in TRAINED_STATES:
                first.setdefault(run.arm, run)
        worker = self.worker([Job(run) for run in first.values()])
        found = measure_paces(tuple(first.values()), worker, self.n_at_a_time)
        kept: pace.Paces = {}
        for arm, run in first.items():
            one = found[arm]
            if one is not None and run.n_macs:
                sizes = kept.setdefault(self.env_key(run), {})
                sizes[run.n_macs] = one.images_per_second * run.n_macs
        pace.keep(kept)
        return found

    def estimate(
        self,
        stored: Sequence[StoredRun],
        states: Mapping[str, str],
        measured: Mapping[str, Measured | None] | None = None,
        trials: Sequence[StoredRun] = (),
    ) -> Estimate:
        """See `ablations.estimates`; with looks, of all runs that they may ask for.

        What tuning still takes is as long as the runs that stand for it.
        """
        searches = {one.arm: one for one in self.search_states(trials)}
        first = {run.arm: run for run in reversed(self.plan.runs)}
        later = [
            first[arm]
            for arm, one in searches.items()
            for _ in range(one.n_trials - one.n_ended + (0 if one.chosen else len(self.spec.seeds)))
        ]
        timed = {arm: one.images_per_second for arm, one in (measured or {}).items() if one}
        return estimate(
            self.plan,
            states,
            Known(stored, pace.read(), timed),
            self.env_key,
            self.n_at_a_time,
            later,
        )

    @property
    def executor(self) -> str:
        """`local` or `inline`: what was asked for, else by the device."""
        return self.options.executor or ("local" if self.device.type == "cpu" else "inline")

    @property
    def n_at_a_time(self) -> int:
        """How many stacks are trained at a time."""
        return self.options.n_workers if self.executor == "local" else 1

    def ordered(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs in the order in which they are started; see `ablations.ordering`."""

        def length(job: Job) -> float:
            return 0.0 if job.weights is not None else training_macs(self.plan.arm(job.run.arm))

        return ordered(jobs, length, self.n_at_a_time)

    def stacks(self, jobs: Sequence[Job], planned: Sequence[RunSpec] | None = None) -> list[Stack]:
        """The jobs as workers are given them; see `ablations.grouping`.

        Args:
            jobs: What is to be done.
            planned: The runs that stacks are made for; by default the plan's, and with looks those
                that the first of them fills.
        """
        if planned is None:
            at_once = self.spec.seeds[: self.spec.looks[0]] if self.spec.looks else self.spec.seeds
            planned = [run for run in self.plan.runs if run.seed in at_once]
        most = self.options.stack or (MOST if self.device.type == "cuda" else 1)
        memory = devices.memory_bytes(self.device) // self.n_at_a_time
        return grouped(jobs, planned, most=most, memory_bytes=memory)

    def worker(self, jobs: Sequence[Job]) -> Worker:
        """What workers need for these jobs: each prepared data set once, in shared memory."""
        datasets = {}
        for job in jobs:
            key = data_key(job.run.dataset)
            if key not in datasets:
                datasets[key] = data.prepare(self.raw[job.run.dataset.name], job.run.dataset)
                for tensor in datasets[key].tensors:
                    tensor.share_memory_()  # type: ignore[no-untyped-call]
        file = self.options.study_file
        folder = file.parent if file else Path()
        plugins = tuple(plugin_source(name, folder) for name in self.spec.plugins)
        compiled = self.options.cuda_graphs
        return Worker(datasets, str(self.device), plugins, self.checkpoints, compiled)

    def label_files(self) -> dict[str, bytes]:
        """What is kept of the test images beside the plan; see `ablations.labels`."""
        return labels.label_files(self.plan, self.raw)

    @property
    def checkpoints(self) -> Checkpoints:
        """Those of every run in the working folder."""
        return Checkpoints(self.options.work_dir, self.options.checkpoint_seconds)

    def checkpoint(self, run: RunSpec) -> Checkpoint:
        """Where `run` leaves its state at the end of epochs."""
        return self.checkpoints.of(run.run_key, self.env_key(run))


def _normed_alone(arm: Arm) -> list[str]:
    """The batch norms of an arm that see one value a feature in an image."""
    parts = anatomy.anatomy(arm.variant, arm.levels, arm.input_shape, arm.n_classes)
    return [
        name
        for name, part in parts.items()
        if part.kind.startswith("BatchNorm") and math.prod(part.output_shape[1:]) == 1
    ]


def _facts(raw: data.Dataset) -> DataFacts:
    def check(dataset: DataSpec) -> Sequence[str]:
        return data.check_spec(dataset, raw)

    return DataFacts(raw.digest, len(raw.train_labels), raw.input_shape, raw.n_classes, check)


def misfits(spec: StudySpec, options: RunOptions) -> tuple[str, ...]:
    """What is wrong with a study that only its data show; nothing if they are not at hand."""
    try:
        Prepared(spec, options, download=False)
    except SpecError as error:
        return error.problems
    except DataError:
        return ()
    return ()
