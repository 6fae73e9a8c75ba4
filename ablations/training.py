"""The epoch loop: runs trained to the end of their recipe, alone or as a stack.

The step never waits for the device: losses and counts are summed there and read once an epoch.
The test images are read once, by `evaluate_test` at the end, unless a run records their curve.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ablations import faults, seeds
from ablations.augmentation import AUGMENTATIONS
from ablations.checkpoints import Checkpoint, write_together
from ablations.evaluation import evaluate, evaluate_test
from ablations.kept_epochs import MOST_PARAMETERS, kept_epochs
from ablations.plan import RunSpec
from ablations.programs import Alone, Program, Sums, Weights, copied_weights
from ablations.recipes import evaluation_loss, precise
from ablations.run_data import RunData
from ablations.stacked import Stacked


@dataclass(frozen=True)
class Epoch:
    """One finished epoch. `train/accuracy` is counted while training, as the weights move.

    Attributes:
        seconds: Of training, without evaluation; of a stack's time, this run's share.
    """

    number: int
    metrics: dict[str, float]
    n_images: int
    seconds: float


@dataclass
class Trained:
    """A network after its recipe, or up to the epoch in which it diverged.

    Attributes:
        resumed_epoch: The epoch after which it went on from a checkpoint, if it did.
        kept: The weights after some of the epochs, by their number; see `kept_epochs`.
    """

    model: nn.Module
    epochs: list[Epoch] = field(default_factory=list)
    kept: dict[int, Weights] = field(default_factory=dict)
    diverged_epoch: int | None = None
    resumed_epoch: int | None = None

    @property
    def curves(self) -> dict[str, list[float]]:
        """One number an epoch, by metric."""
        names = self.epochs[0].metrics if self.epochs else {}
        return {name: [epoch.metrics[name] for epoch in self.epochs] for name in names}


@dataclass(frozen=True)
class Member:
    """One run that is to be trained.

    Attributes:
        run: What to train.
        data: Its images, on the device.
        on_epoch: Called after every epoch that is finished here.
        checkpoint: Read at the start, and written at the end of epochs where it is due.
    """

    run: RunSpec
    data: RunData
    on_epoch: Callable[[Epoch], None]
    checkpoint: Checkpoint | None = None


def train(
    run: RunSpec,
    data: RunData,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train one run alone; see `train_together` and `Member`."""
    (trained,) = train_together([Member(run, data, on_epoch, checkpoint)], device)
    return trained


def train_together(
    members: Sequence[Member], device: torch.device, *, size: int = 1, compiled: bool = False
) -> list[Trained]:
    """Train runs from their initial weights, or their checkpoints, to the end of their recipes.

    Random numbers are drawn from streams of their own in every epoch, so a run that goes on from a
    checkpoint ends with the bits of one that was never stopped. A run stops at the end of the first
    epoch in which its loss is not finite; the others go on.

    Args:
        members: One run to train it alone, or several that `grouping` lets share a stack.
        device: Where to train.
        size: Of the stack; 1 for none. Fewer members are filled up with copies of the last, since
            bits depend on it.
        compiled: Whether a stack's step goes through `torch.compile`.

    Returns:
        One a member, in their order.
    """
    last = replace(members[-1], on_epoch=lambda _: None, checkpoint=None)
    rows = [*members, *[last] * (size - len(members))]
    with precise(last.run.recipe):
        n_images = len(last.data.train)
        program: Program = (
            Alone(last.run, device, n_images=n_images)
            if size == 1
            else Stacked([one.run for one in rows], device, n_images=n_images, compiled=compiled)
        )
        return _Training(program, rows, len(members), compiled=compiled and size > 1).run()


class _Training:
    """The members of one program and how far each has come."""

    def __init__(
        self, program: Program, rows: Sequence[Member], n_members: int, *, compiled: bool
    ) -> None:
        self.program, self.rows, self.compiled = program, rows, compiled
        self.members = rows[:n_members]
        self.trained = [Trained(model) for model in program.models[:n_members]]
        self.recipe = rows[0].run.recipe
        self.n_images = len(rows[0].data.train)

    def run(self) -> list[Trained]:
        for number in range(self._resume() + 1, self.recipe.epochs + 1):
            started = time.perf_counter()
            sums = _train_epoch(self.program, self.rows, number)
            seconds = (time.perf_counter() - started) / len(self._going)
            for row in self._going:
                self._take(row, number, sums[row], seconds)
            faults.reach("epoch_ended")
            self._keep(number)
            self._tell(number)
            if not self._going:
                break
        return self.trained

    @property
    def _going(self) -> list[int]:
        """The rows of the runs that have not diverged."""
        return [row for row, one in enumerate(self.trained) if one.diverged_epoch is None]

    def _take(self, row: int, number: int, sums: Sums, seconds: float) -> None:
        """What an epoch came to for one run."""
        member, trained = self.members[row], self.trained[row]
        metrics = {
            "train/loss": sums.loss / self.n_images,
            "train/accuracy": sums.n_right / self.n_images,
        }
        metrics |= _epoch_evaluation(trained.model, member.run, member.data)
        if all(map(math.isfinite, metrics.values())):
            trained.epochs.append(Epoch(number, metrics, self.n_images, seconds))
            if number in _kept_epochs(member.run):
                trained.kept[number] = copied_weights(trained.model)
        else:
            trained.diverged_epoch = number
            self.program.freeze(row)

    def _keep(self, number: int) -> None:
        """Write checkpoints, of all runs or of none: a stack goes on where all of them were."""
        kept = [member.checkpoint for member in self.members]
        has_ended = number == self.recipe.epochs or not self._going
        if has_ended or not (kept[0] and kept[0].is_due()):
            return
        write_together([(one, self._state(row)) for row, one in enumerate(kept) if one is not None])
        faults.reach("checkpoint_written")

    def _state(self, row: int) -> dict[str, Any]:
        """A member's run so far, and the program that bits depend on."""
        trained = self.trained[row]
        return self.program.state(row) | {
            "epochs": [asdict(epoch) for epoch in trained.epochs],
            "kept": trained.kept,
            "diverged_epoch": trained.diverged_epoch,
            "stack_size": len(self.rows),
            "compiled": self.compiled,
        }

    def _tell(self, number: int) -> None:
        for member, trained in zip(self.members, self.trained, strict=True):
            if trained.epochs and trained.epochs[-1].number == number:
                member.on_epoch(trained.epochs[-1])

    def _resume(self) -> int:
        """The epoch after which all runs go on; 0 where one has no state, or another stack's."""
        found = [one.checkpoint.read() if one.checkpoint else None for one in self.members]
        states = [state for state in found if state is not None]
        programs = {(one.get("stack_size", 1), one.get("compiled", False)) for one in states}
        steps = {state["step"] for state in states}
        if len(states) < len(found) or len(steps) > 1:
            return 0
        if any("kept" not in state for state in states):  # written before weights were kept
            return 0
        if programs != {(len(self.rows), self.compiled)}:
            return 0
        self.program.load([*states, *[states[-1]] * (len(self.rows) - len(states))])
        for row, (trained, state) in enumerate(zip(self.trained, states, strict=True)):
            trained.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
            trained.kept = state["kept"]
            trained.diverged_epoch = state.get("diverged_epoch")
            if trained.diverged_epoch is not None:
                self.program.freeze(row)
        n_ended = max(one.diverged_epoch or len(one.epochs) for one in self.trained)
        for trained in self.trained:
            trained.resumed_epoch = n_ended
        return n_ended


def _kept_epochs(run: RunSpec) -> tuple[int, ...]:
    """Those after which its weights are kept: none of a trial, which is no run to be looked at."""
    if run.trial is not None or run.n_parameters > MOST_PARAMETERS:
        return ()
    return kept_epochs(run.recipe.epochs)


def train_step(program: Program, inputs: Tensor, labels: Tensor) -> None:
    """Every optimiser step of the project goes through here, so that a test can count them."""
    program.step(inputs, labels)


def _train_epoch(program: Program, rows: Sequence[Member], number: int) -> list[Sums]:
    first = rows[0]
    data, recipe = first.data, first.run.recipe
    order = torch.stack([_order(one, number) for one in rows])  # (S, N)
    augment = _Augmentation([one.run for one in rows], number)
    program.begin_epoch()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.torch_seed(first.run.root_seed, first.run.seed, "dropout", number))
        for batch in torch.split(order, recipe.batch_size, dim=1):
            train_batch(program, data, batch, augment)
    return program.end_epoch()


def train_batch(
    program: Program, data: RunData, batch: Tensor, augment: Callable[[Tensor], Tensor]
) -> None:
    """One step on the images of a batch, from where they lie on the device; reads nothing back.

    Shape:
        batch (S, B): indices into the images of `data`, a row a run.
    """
    index = batch.reshape(-1)  # (S * B,), the first run's images first
    pixels = augment(data.images.index_select(0, index))
    train_step(program, data.inputs(pixels), data.labels.index_select(0, index))


class _Augmentation:
    """Moves the pixels of each run as its recipe says, from its own stream of one epoch."""

    def __init__(self, runs: Sequence[RunSpec], epoch: int) -> None:
        self.of = [AUGMENTATIONS.get(run.recipe.augmentation) for run in runs]
        self.streams = [seeds.generator(run.root_seed, run.seed, "augment", epoch) for run in runs]

    def __call__(self, pixels: Tensor) -> Tensor:
        if not any(self.of):
            return pixels
        parts = zip(pixels.chunk(len(self.of)), self.of, self.streams, strict=True)
        return torch.cat([move(part, rng) if move else part for part, move, rng in parts])


def _order(member: Member, epoch: int) -> Tensor:
    """The run's training images in the order of one epoch, as indices on their device."""
    run, train_images = member.run, member.data.train
    rng = seeds.generator(run.root_seed, run.seed, "order", epoch)
    drawn = torch.from_numpy(rng.permutation(len(train_images)).astype(np.int64))
    return train_images[drawn.to(train_images.device)]


def _epoch_evaluation(model: nn.Module, run: RunSpec, data: RunData) -> dict[str, float]:
    metrics: dict[str, float] = {}
    if len(data.validation):
        images = data.images.index_select(0, data.validation)
        labels = data.labels.index_select(0, data.validation)
        loss = evaluation_loss(run.recipe)
        metrics |= evaluate(model, data, images, labels, loss).metrics("validation")
    if run.curves == "test":
        metrics |= evaluate_test(model, run, data).metrics("test")
    return metrics
