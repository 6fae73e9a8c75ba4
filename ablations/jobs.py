"""What a worker does at a time: trains the runs of a stack, evaluates and probes them, tells how.

`Worker` turns every failure into a record, so that one run never stops the others. The executors
carry it to where it works; it loads torch, and neither MLflow nor pandas.
"""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from ablations import compiler, devices, outcomes
from ablations.checkpoints import Checkpoint, Checkpoints
from ablations.data import Dataset
from ablations.outcomes import Job, Outcome, environment_of
from ablations.plan import RunSpec
from ablations.programs import initial_model
from ablations.record import RunState, digest, now_ms
from ablations.run_data import RunData, place
from ablations.spec import DataSpec
from ablations.training import Epoch, Member, train_together
from lenet_variants import registry

OnEpoch = Callable[[Job, Epoch], None]


@dataclass(frozen=True)
class Stack:
    """What a worker is given at a time: jobs that are trained in one program, or a single one.

    Attributes:
        jobs: Of one shape, and one after the other in the plan's order.
        size: Runs in the program; 1 where the only job is trained alone, or only probed. Bits
            depend on it, so it may be more than the jobs: then copies of the last fill it up.
        alone_because: Why a job is trained alone though stacks were asked for; else empty.
    """

    jobs: tuple[Job, ...]
    size: int = 1
    alone_because: str = ""

    def halves(self, reason: str) -> list[Stack]:
        """The same jobs in stacks of half the size, or alone for a reason."""
        size = (self.size + 1) // 2
        parts = [self.jobs[start : start + size] for start in range(0, len(self.jobs), size)]
        return [Stack(part, size, reason if size == 1 else "") for part in parts]

    def singly(self, reason: str) -> list[Stack]:
        """Each job alone, for a reason."""
        return [Stack((job,), 1, reason) for job in self.jobs]


def data_key(spec: DataSpec) -> str:
    """Names the prepared data set of a `DataSpec`: split and normalisation are made per run."""
    return digest(spec.model_dump(mode="json", exclude={"validation", "normalise"}))


@dataclass(frozen=True)
class Worker:
    """What a worker has at hand: every prepared data set, its device, the user's own networks.

    Attributes:
        datasets: By `data_key`.
        device: As torch spells it.
        plugins: Files, or names of entry points, that register variants; loaded once a process.
        checkpoints: Where the state of runs is kept at the end of epochs; None for nowhere.
        compiled: Whether the step of a stack goes through `torch.compile`.
    """

    datasets: Mapping[str, Dataset]
    device: str
    plugins: tuple[str, ...] = ()
    checkpoints: Checkpoints | None = None
    compiled: bool = False

    def prepared(self) -> Worker:
        """Itself, once in each process before the first job: its data on its device."""
        if not self.compiled:
            compiler.leave_out()
        device = torch.device(self.device)
        devices.prepare_process(device)
        for path in self.plugins:
            registry.load_plugin(path)
        return replace(self, datasets={key: one.to(device) for key, one in self.datasets.items()})

    def perform(self, stack: Stack, on_epoch: OnEpoch) -> Iterator[list[Outcome]]:
        """Do the jobs of a stack; never raises but for an interrupt.

        Where a stack does not fit into memory, its halves are trained one after the other; where it
        fails in another way, each of its runs alone, so that the cause costs no other run.

        Yields:
            One a job, in their order; those of a half or of a lone run as soon as it has ended, so
            that whatever happens later costs them nothing.
        """
        started, is_full, told = now_ms(), False, ""
        ended: list[Outcome] = []
        try:
            ended = self._performed(stack, on_epoch)
        except Exception as error:  # whatever a network does, it is this run's outcome
            is_full = _is_out_of_memory(error)
            told = f"{type(error).__name__}: {error}"
            if stack.size == 1:
                state = RunState.OOM if is_full else RunState.FAILED
                ended = [self.failed(stack.jobs[0], state, started, stack=stack, error=error)]
        if ended:
            yield ended
            return
        # Outside the handler, whose traceback holds on to the memory of the stack that failed; and
        # some of its objects refer to each other.
        gc.collect()
        if torch.device(self.device).type == "cuda":
            torch.cuda.empty_cache()
        parts = (
            stack.halves(f"out of memory in a stack of {stack.size}")
            if is_full
            else stack.singly(f"its stack of {stack.size} failed: {told}")
        )
        for part in parts:
            yield from self.perform(part, on_epoch)

    def _performed(self, stack: Stack, on_epoch: OnEpoch) -> list[Outcome]:
        device = torch.device(self.device)
        data = [self._data(job.run, device) for job in stack.jobs]
        first = stack.jobs[0]
        if first.weights is not None:
            model = initial_model(first.run, device)
            model.load_state_dict(_loaded(first.weights, device))
            kept = _loaded(first.epochs, device) if first.epochs is not None else {}
            return [outcomes.probed(first, model, kept, data[0])]
        watch = outcomes.Watch(
            device,
            stack_size=stack.size,
            alone_because=stack.alone_because,
            compiled=self._is_compiled(stack),
        )
        members = [
            Member(job.run, own, _telling(on_epoch, job), self._checkpoint(job.run))
            for job, own in zip(stack.jobs, data, strict=True)
        ]
        trained = train_together(members, device, size=stack.size, compiled=self.compiled)
        watch.training_ended()
        return [
            outcomes.trained(job, one, own, watch)
            for job, one, own in zip(stack.jobs, trained, data, strict=True)
        ]

    def _data(self, run: RunSpec, device: torch.device) -> RunData:
        return place(self.datasets[data_key(run.dataset)], run, device)

    def _checkpoint(self, run: RunSpec) -> Checkpoint | None:
        if self.checkpoints is None:
            return None
        env_key = environment_of(run, torch.device(self.device)).env_key
        return self.checkpoints.of(run.run_key, env_key)

    def failed(
        self,
        job: Job,
        state: RunState,
        started_ms: int,
        *,
        stack: Stack | None = None,
        error: BaseException | None = None,
        message: str = "",
        log: str = "",
    ) -> Outcome:
        """The outcome of a job that did not end by itself; see `outcomes.failed`."""
        outcome = outcomes.failed(
            job,
            state,
            environment_of(job.run, torch.device(self.device)),
            started_ms,
            error=error,
            message=message,
            log=log,
        )
        if outcome.record is None or stack is None:
            return outcome
        record = replace(
            outcome.record,
            stack_size=stack.size,
            alone_because=stack.alone_because,
            compiled=self._is_compiled(stack),
        )
        return replace(outcome, record=record)

    def _is_compiled(self, stack: Stack) -> bool:
        return self.compiled and stack.size > 1


def _telling(on_epoch: OnEpoch, job: Job) -> Callable[[Epoch], None]:
    return lambda epoch: on_epoch(job, epoch)


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU, on mps and in CUDA's libraries torch says so in words only.
    words = ("DefaultCPUAllocator", "out of memory", "ALLOC_FAILED")
    refused = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return refused or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _loaded(content: bytes, device: torch.device) -> dict[Any, Any]:
    loaded: dict[Any, Any] = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    return loaded
