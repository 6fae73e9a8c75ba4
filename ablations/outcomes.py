"""What came of a job: the record of its run, with costs and probes, and the files it leaves.

Called by `jobs` once a program has trained, and by the executors for runs that did not end by
themselves. Trains nothing.
"""

from __future__ import annotations

import io
import math
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ablations import devices, probes
from ablations.evaluation import Evaluation, evaluate_test
from ablations.labels import as_labels, labels_digest
from ablations.latency import latency
from ablations.plan import RunSpec
from ablations.probe_cards import ProbeSpec
from ablations.probes.probed import Probed
from ablations.programs import Weights, copied_weights
from ablations.record import (
    EPOCHS_FILE,
    EXAMPLES_FILE,
    WEIGHTS_FILE,
    Environment,
    Measurement,
    RunRecord,
    RunState,
    now_ms,
)
from ablations.run_data import RunData
from ablations.training import Trained


@dataclass(frozen=True)
class Job:
    """One run to train, or with `weights` one trained run to probe.

    Attributes:
        probes: The probes to measure.
        weights: The bytes of `weights.pt`, or None to train.
        epochs: The bytes of `epochs.pt`, of a trained run that has it.
    """

    run: RunSpec
    probes: tuple[ProbeSpec, ...] = ()
    weights: bytes | None = None
    epochs: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job: `record` is None if nothing was trained, `files` are its artifacts."""

    job: Job
    record: RunRecord | None
    measurements: tuple[Measurement, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    message: str = ""


def environment_of(run: RunSpec, device: torch.device) -> Environment:
    """Where a run with this recipe is trained on this device."""
    return devices.environment(device, run.recipe.precision)


class Watch:
    """When a program began, how it trained, and the memory that took; made before it starts."""

    def __init__(
        self,
        device: torch.device,
        *,
        stack_size: int = 1,
        alone_because: str = "",
        compiled: bool = False,
    ) -> None:
        self.device, self.compiled = device, compiled
        self.stack_size, self.alone_because = stack_size, alone_because
        self.started_ms = now_ms()
        self._memory = devices.PeakMemory(device)
        self.memory: dict[str, float] = {}

    def training_ended(self) -> None:
        """Take the peak of memory: that of the whole program."""
        self.memory = self._memory.metrics()


def trained(job: Job, trained: Trained, data: RunData, watch: Watch) -> Outcome:
    """Evaluate and probe a trained network, and write down what it came to."""
    costs = _train_costs(trained) | watch.memory | {"cost/stack_size": float(watch.stack_size)}
    if trained.diverged_epoch is not None:
        return _diverged(job, trained, watch, costs)
    if job.run.trial is not None:  # its validation images are all that may be looked at
        metrics = trained.epochs[-1].metrics | costs
        return _finished(job, trained, watch, metrics)
    clock = time.perf_counter()
    evaluation = evaluate_test(trained.model, job.run, data)
    costs["cost/evaluation_seconds"] = time.perf_counter() - clock
    if not math.isfinite(evaluation.loss):
        trained.diverged_epoch = job.run.recipe.epochs
        return _diverged(job, trained, watch, costs)
    clock = time.perf_counter()
    probed = Probed(job.run, trained.model, data, kept=trained.kept)
    measurements, probed_files, message = _measured(job, probed)
    if job.probes:
        costs["cost/probe_seconds"] = time.perf_counter() - clock
    found, trouble = _latency(trained.model, data)
    costs, message = costs | found, "; ".join(filter(None, (message, trouble)))
    files = {
        EXAMPLES_FILE: _examples(evaluation, data),
        WEIGHTS_FILE: _saved(copied_weights(trained.model)),
        **({EPOCHS_FILE: _saved(trained.kept)} if trained.kept else {}),
        **probed_files,
    }
    metrics = trained.epochs[-1].metrics | evaluation.metrics("test") | costs
    ended = _finished(job, trained, watch, metrics, measurements=measurements, message=message)
    return replace(ended, files=files)


def probed(job: Job, model: nn.Module, kept: Mapping[int, Weights], data: RunData) -> Outcome:
    """Measure what a job that trains nothing asks for.

    Args:
        job: The job.
        model: The network, with its last weights.
        kept: Its weights after some of the epochs before.
        data: The images of its run.
    """
    measurements, files, message = _measured(job, Probed(job.run, model, data, kept=kept))
    return Outcome(job, None, measurements, files, message)


def failed(
    job: Job,
    state: RunState,
    environment: Environment,
    started_ms: int,
    *,
    error: BaseException | None = None,
    message: str = "",
    log: str = "",
) -> Outcome:
    """The outcome of a job that did not end by itself.

    Args:
        job: The job.
        state: What became of it.
        environment: Where it was trained.
        started_ms: When it began.
        error: What was raised, if anything was.
        message: One sentence; made from `error` where it is left out.
        log: The last lines that its worker wrote, where there is no traceback.
    """
    message = message or f"{type(error).__name__}: {error}"
    if job.weights is not None:
        return Outcome(job, None, message=message)
    trace = "".join(traceback.format_exception(error)) if error is not None else log
    record = RunRecord(
        run_key=job.run.run_key,
        state=state,
        arm=job.run.arm,
        comparison=job.run.comparison,
        seed=job.run.seed,
        spec=job.run.to_dict(),
        environment=environment,
        started_ms=started_ms,
        finished_ms=now_ms(),
        message=message,
        traceback=trace,
    )
    return Outcome(job, record, message=message)


def _diverged(job: Job, trained: Trained, watch: Watch, costs: Mapping[str, float]) -> Outcome:
    message = f"the loss was not finite in epoch {trained.diverged_epoch}"
    record = _record(
        job.run, RunState.DIVERGED, watch, metrics=costs, trained=trained, message=message
    )
    return Outcome(job, record, message=message)


def _finished(
    job: Job,
    trained: Trained,
    watch: Watch,
    metrics: Mapping[str, float],
    *,
    measurements: tuple[Measurement, ...] = (),
    message: str = "",
) -> Outcome:
    record = _record(
        job.run,
        RunState.FINISHED,
        watch,
        metrics=metrics,
        trained=trained,
        measurements=measurements,
        message=message,
    )
    return Outcome(job, record, measurements, message=message)


def _record(
    run: RunSpec,
    state: RunState,
    watch: Watch,
    *,
    metrics: Mapping[str, float],
    trained: Trained,
    message: str,
    measurements: tuple[Measurement, ...] = (),
) -> RunRecord:
    return RunRecord(
        run_key=run.run_key,
        state=state,
        arm=run.arm,
        comparison=run.comparison,
        seed=run.seed,
        spec=run.to_dict(),
        environment=environment_of(run, watch.device),
        started_ms=watch.started_ms,
        finished_ms=now_ms(),
        metrics=metrics,
        curves=trained.curves,
        epoch_seconds=[epoch.seconds for epoch in trained.epochs],
        measurements=measurements,
        message=message,
        diverged_epoch=trained.diverged_epoch,
        resumed_epoch=trained.resumed_epoch,
        stack_size=watch.stack_size,
        alone_because=watch.alone_because,
        compiled=watch.compiled,
    )


def _train_costs(trained: Trained) -> dict[str, float]:
    seconds = sum(epoch.seconds for epoch in trained.epochs)
    if not seconds:
        return {}
    n_images = sum(epoch.n_images for epoch in trained.epochs)
    return {
        "cost/train_seconds": seconds,
        "cost/epoch_seconds": seconds / len(trained.epochs),
        "cost/images_per_second": n_images / seconds,
    }


def _latency(model: nn.Module, data: RunData) -> tuple[dict[str, float], str]:
    """The seconds of a pass, or what kept them from it: a trained run is not lost by a clock."""
    try:
        return latency(model, data), ""
    except Exception as error:  # a network may refuse one image, or 256
        return {}, f"latency: {type(error).__name__}: {error}"


def _measured(job: Job, probed: Probed) -> tuple[tuple[Measurement, ...], dict[str, bytes], str]:
    """What the probes found, and what kept others from it: a trained run is not lost by a probe."""
    found: list[Measurement] = []
    files: dict[str, bytes] = {}
    failures = []
    for asked in job.probes:
        try:
            measurement, left = probes.measure(asked, probed)
        except Exception as error:  # told beside the run; the next call measures it again
            failures.append(f"probe {asked.name}: {type(error).__name__}: {error}")
        else:
            found.append(measurement)
            files |= left
    return tuple(found), files, "; ".join(failures)


def _saved(weights: Weights | Mapping[int, Weights]) -> bytes:
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return buffer.getvalue()


def _examples(evaluation: Evaluation, data: RunData) -> bytes:
    predicted = evaluation.predictions.cpu().numpy().astype(np.int16)
    return packed_answers(predicted, as_labels(data.test_labels))


def packed_answers(predicted: npt.NDArray[np.int16], labels: npt.NDArray[np.int16]) -> bytes:
    """The content of `examples.npz`: a run's answer to each test image, and whether it is right.

    Shape:
        predicted, labels (n_test,).
    """
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        predicted=predicted,
        correct=np.packbits(predicted == labels),
        n_images=np.int64(len(labels)),
        labels_digest=np.str_(labels_digest(labels)),
    )
    return buffer.getvalue()
