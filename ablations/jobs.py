"""What a worker does for one run: train it, evaluate it, probe it, and say what happened.

`Worker.perform` turns every failure into a record, so that one run never stops the others. The
executors carry a `Worker` to where it works; it loads torch, and neither MLflow nor pandas.
"""

from __future__ import annotations

import io
import math
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from ablations import devices, probes, training
from ablations.checkpoints import Checkpoint, Checkpoints
from ablations.data import Dataset
from ablations.plan import RunSpec
from ablations.record import (
    EXAMPLES_FILE,
    WEIGHTS_FILE,
    Environment,
    Measurement,
    RunRecord,
    RunState,
    digest,
    now_ms,
)
from ablations.spec import DataSpec
from lenet_variants import registry

OnEpoch = Callable[[training.Epoch], None]


@dataclass(frozen=True)
class Job:
    """One run to train, or with `weights` one trained run to probe.

    Attributes:
        probes: Names of the probes to measure.
        weights: The bytes of `weights.pt`, or None to train.
    """

    run: RunSpec
    probes: tuple[str, ...] = ()
    weights: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job: `record` is None if nothing was trained, `files` are its artifacts."""

    job: Job
    record: RunRecord | None
    measurements: tuple[Measurement, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    message: str = ""


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
    """

    datasets: Mapping[str, Dataset]
    device: str
    plugins: tuple[str, ...] = ()
    checkpoints: Checkpoints | None = None

    def prepare(self) -> None:
        """Once in each process, before the first job."""
        devices.prepare_process(torch.device(self.device))
        for path in self.plugins:
            registry.load_plugin(path)

    def perform(self, job: Job, on_epoch: OnEpoch) -> Outcome:
        """Do one job; never raises but for an interrupt."""
        started, device = now_ms(), torch.device(self.device)
        try:
            data = training.place(self.datasets[data_key(job.run.dataset)], job.run, device)
            if job.weights is not None:
                measurements, message = _measured(
                    job, _restored(job.run, job.weights, device), data
                )
                return Outcome(job, None, measurements, message=message)
            return _trained(job, data, device, on_epoch, self._checkpoint(job.run))
        except Exception as error:  # whatever a network does, it is this run's outcome
            state = RunState.OOM if _is_out_of_memory(error) else RunState.FAILED
            return self.failed(job, state, started, error=error)

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
        error: BaseException | None = None,
        message: str = "",
    ) -> Outcome:
        """The outcome of a job that did not end by itself."""
        message = message or f"{type(error).__name__}: {error}"
        if job.weights is not None:
            return Outcome(job, None, message=message)
        trace = "".join(traceback.format_exception(error)) if error is not None else ""
        environment = environment_of(job.run, torch.device(self.device))
        record = _record(job.run, state, environment, started_ms, message=message, trace=trace)
        return Outcome(job, record, message=message)


def environment_of(run: RunSpec, device: torch.device) -> Environment:
    """Where a run with this recipe is trained on this device."""
    return devices.environment(device, run.recipe.precision)


def _is_out_of_memory(error: Exception) -> bool:
    # On the CPU torch says so in words only.
    refused = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return refused or isinstance(error, MemoryError | torch.OutOfMemoryError)


def _record(  # noqa: PLR0913 (the fields of a record)
    run: RunSpec,
    state: RunState,
    environment: Environment,
    started_ms: int,
    *,
    metrics: Mapping[str, float] | None = None,
    trained: training.Trained | None = None,
    message: str = "",
    trace: str = "",
    measurements: tuple[Measurement, ...] = (),
) -> RunRecord:
    return RunRecord(
        run_key=run.run_key,
        state=state,
        arm=run.arm,
        comparison=run.comparison,
        seed=run.seed,
        spec=run.to_dict(),
        environment=environment,
        started_ms=started_ms,
        finished_ms=now_ms(),
        metrics=metrics or {},
        curves=trained.curves if trained else {},
        measurements=measurements,
        message=message,
        traceback=trace,
        diverged_epoch=trained.diverged_epoch if trained else None,
        resumed_epoch=trained.resumed_epoch if trained else None,
    )


def _trained(
    job: Job,
    data: training.RunData,
    device: torch.device,
    on_epoch: OnEpoch,
    checkpoint: Checkpoint | None,
) -> Outcome:
    run, started, memory = job.run, now_ms(), devices.PeakMemory(device)
    environment = environment_of(run, device)
    trained = training.train(run, data, device, on_epoch, checkpoint)
    costs = _train_costs(trained)
    if trained.diverged_epoch is not None:
        return _diverged(job, trained, environment, started, costs=costs | memory.metrics())
    clock = time.perf_counter()
    evaluation = training.evaluate_test(trained.model, run, data)
    costs["cost/evaluation_seconds"] = time.perf_counter() - clock
    costs |= memory.metrics()
    if not math.isfinite(evaluation.loss):
        trained.diverged_epoch = run.recipe.epochs
        return _diverged(job, trained, environment, started, costs=costs)
    measurements, message = _measured(job, trained.model, data)
    record = _record(
        run,
        RunState.FINISHED,
        environment,
        started,
        metrics=trained.epochs[-1].metrics | evaluation.metrics("test") | costs,
        trained=trained,
        measurements=measurements,
        message=message,
    )
    files = {
        EXAMPLES_FILE: _examples(evaluation, data),
        WEIGHTS_FILE: _weights(trained.model),
    }
    return Outcome(job, record, measurements, files, message)


def _diverged(
    job: Job,
    trained: training.Trained,
    environment: Environment,
    started_ms: int,
    *,
    costs: Mapping[str, float],
) -> Outcome:
    message = f"the loss was not finite in epoch {trained.diverged_epoch}"
    record = _record(
        job.run,
        RunState.DIVERGED,
        environment,
        started_ms,
        metrics=costs,
        trained=trained,
        message=message,
    )
    return Outcome(job, record, message=message)


def _train_costs(trained: training.Trained) -> dict[str, float]:
    seconds = sum(epoch.seconds for epoch in trained.epochs)
    if not seconds:
        return {}
    n_images = sum(epoch.n_images for epoch in trained.epochs)
    return {"cost/train_seconds": seconds, "cost/images_per_second": n_images / seconds}


def _measured(
    job: Job, model: nn.Module, data: training.RunData
) -> tuple[tuple[Measurement, ...], str]:
    """What the probes found, and what kept others from it: a trained run is not lost by a probe."""
    found, failures = [], []
    for name in job.probes:
        try:
            found.append(probes.measure(name, job.run.run_key, model, data))
        except Exception as error:  # told beside the run; the next call measures it again
            failures.append(f"probe {name}: {type(error).__name__}: {error}")
    return tuple(found), "; ".join(failures)


def _weights(model: nn.Module) -> bytes:
    buffer = io.BytesIO()
    torch.save({name: value.cpu() for name, value in model.state_dict().items()}, buffer)
    return buffer.getvalue()


def _restored(run: RunSpec, weights: bytes, device: torch.device) -> nn.Module:
    model = training.initial_model(run, device)
    state = torch.load(io.BytesIO(weights), map_location=device, weights_only=True)
    model.load_state_dict(state)
    return model


def _examples(evaluation: training.Evaluation, data: training.RunData) -> bytes:
    predicted = evaluation.predictions.cpu().numpy().astype(np.int16)
    labels = data.test_labels.cpu().numpy().astype(np.int16)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        predicted=predicted,
        correct=np.packbits(predicted == labels),
        n_images=np.int64(len(labels)),
        labels_digest=np.str_(digest(labels.tolist())),
    )
    return buffer.getvalue()
