"""One run's training: data on the device, the step, the epoch, the evaluation. No files, no MLflow.

The step never waits for the device: losses and counts are summed there and read once an epoch.
The test images are read once, by `evaluate` at the end, unless the run records their curve.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ablations import faults, seeds
from ablations.augmentation import AUGMENTATIONS
from ablations.checkpoints import Checkpoint
from ablations.data import Dataset, affine, split
from ablations.plan import RunSpec
from ablations.spec import Recipe
from lenet_variants import initialisation, registry

EVALUATION_BATCH = 1000

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class RunData:
    """A data set as one run sees it, on its device.

    Shape:
        images (N, C, H, W) uint8; labels (N,) int64; train, validation: indices into images;
        scale, shift (C, 1, 1) float32, so that a network's input is `images * scale + shift`.
    """

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    train: Tensor
    validation: Tensor
    scale: Tensor
    shift: Tensor

    def inputs(self, pixels: Tensor) -> Tensor:
        """Raw pixels as the network sees them."""
        return pixels.to(torch.float32) * self.scale + self.shift


@dataclass(frozen=True)
class Evaluation:
    """Mean loss (nats an example for cross entropy) and accuracy over `n_examples` images."""

    loss: float
    accuracy: float
    n_examples: int
    predictions: Tensor

    def metrics(self, split_name: str) -> dict[str, float]:
        """Named as they are stored."""
        return {f"{split_name}/loss": self.loss, f"{split_name}/accuracy": self.accuracy}


@dataclass(frozen=True)
class Epoch:
    """One finished epoch. `train/accuracy` is counted while training, as the weights move."""

    number: int
    metrics: dict[str, float]
    n_images: int
    seconds: float


@dataclass
class Trained:
    """A network after its recipe, or up to the epoch in which it diverged.

    Attributes:
        resumed_epoch: The epoch after which it went on from a checkpoint, if it did.
    """

    model: nn.Module
    epochs: list[Epoch] = field(default_factory=list)
    diverged_epoch: int | None = None
    resumed_epoch: int | None = None

    @property
    def curves(self) -> dict[str, list[float]]:
        """One number an epoch, by metric."""
        names = self.epochs[0].metrics if self.epochs else {}
        return {name: [epoch.metrics[name] for epoch in self.epochs] for name in names}


def place(dataset: Dataset, run: RunSpec, device: torch.device) -> RunData:
    """The data of one run on `device`; on the CPU nothing is copied."""
    rng = seeds.generator(run.root_seed, run.seed, "split")
    train, validation = split(dataset.train_labels, run.dataset.validation, rng)
    scale, shift = affine(dataset, run.dataset.normalise)
    return RunData(
        images=dataset.train_images.to(device),
        labels=dataset.train_labels.to(device),
        test_images=dataset.test_images.to(device),
        test_labels=dataset.test_labels.to(device),
        train=train.to(device),
        validation=validation.to(device),
        scale=scale.reshape(-1, 1, 1).to(device),
        shift=shift.reshape(-1, 1, 1).to(device),
    )


def initial_model(run: RunSpec, device: torch.device) -> nn.Module:
    """The run's network before its first step, from its own stream; global state is untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.torch_seed(run.root_seed, run.seed, "init"))
        model = registry.create(run.variant, run.input_shape, run.n_classes, **run.levels)
        initialisation.initialise(model, run.recipe.init)
    return model.to(device)


def optimiser(model: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """The recipe's optimiser, in torch's fused form where there is one."""
    fused = device.type in ("cpu", "cuda")
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), lr=rate, momentum=recipe.momentum, weight_decay=decay, fused=fused
        )
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), lr=rate, weight_decay=decay, fused=fused)


def rate_factor(recipe: Recipe, step: int, n_steps: int) -> float:
    """What the learning rate is multiplied with at `step` (from 0) of `n_steps`.

    `step` divides by 10 after half and again after three quarters of the steps; `cosine` falls to
    0; `onecycle` rises from 1/25 over the first 30 % and falls to 0, both as half cosines (Smith
    and Topin 2018, without the momentum cycle); `warmup` rises linearly before any but onecycle.
    """
    warm = round(recipe.warmup * n_steps / recipe.epochs)
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, n_steps - warm)
    if recipe.schedule == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    if recipe.schedule == "step":
        return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01  # noqa: PLR2004
    if recipe.schedule == "onecycle":
        rise, low = 0.3, 1 / 25
        if progress < rise:
            return low + (1 - low) * (1 - math.cos(math.pi * progress / rise)) / 2
        return (1 + math.cos(math.pi * (progress - rise) / (1 - rise))) / 2
    return 1.0


def training_loss(recipe: Recipe) -> Loss:
    """The mean loss of a batch that is minimised, from logits and class indices."""
    smoothing = recipe.label_smoothing
    if not smoothing:
        return evaluation_loss(recipe)
    return lambda logits, labels: functional.cross_entropy(
        logits, labels, label_smoothing=smoothing
    )


def evaluation_loss(recipe: Recipe) -> Loss:
    """The loss that is reported: without label smoothing, so that arms can be compared."""
    return functional.cross_entropy if recipe.loss == "cross_entropy" else _squared_error


def _squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.mse_loss(logits, functional.one_hot(labels, logits.shape[1]).to(logits.dtype))


def train(
    run: RunSpec,
    data: RunData,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Train one run from its initial weights, or from its checkpoint, to the end of its recipe.

    Random numbers are drawn from streams of their own in every epoch, so a run that goes on from a
    checkpoint ends with the bits of one that was never stopped. Stops at the end of the first epoch
    with a loss that is not finite.

    Args:
        run: What to train.
        data: Its images, on `device`.
        device: Where to train.
        on_epoch: Called after every epoch that is finished here.
        checkpoint: Read at the start, and written at the end of epochs where it is due.
    """
    trained = Trained(initial_model(run, device))
    with _precise(run.recipe):
        stepper = _Stepper(trained.model, run.recipe, device, n_images=len(data.train))
        _resume(trained, stepper, checkpoint)
        for number in range(len(trained.epochs) + 1, run.recipe.epochs + 1):
            started = time.perf_counter()
            metrics = _train_epoch(stepper, run, data, number)
            seconds = time.perf_counter() - started
            metrics |= _epoch_evaluation(trained.model, run, data)
            if not all(map(math.isfinite, metrics.values())):
                trained.diverged_epoch = number
                break
            trained.epochs.append(Epoch(number, metrics, len(data.train), seconds))
            faults.reach("epoch_ended")
            if checkpoint and checkpoint.is_due() and number < run.recipe.epochs:
                checkpoint.write(_state(trained, stepper))
                faults.reach("checkpoint_written")
            on_epoch(trained.epochs[-1])
    return trained


def _state(trained: Trained, stepper: _Stepper) -> dict[str, Any]:
    return {
        "model": trained.model.state_dict(),
        "optimiser": stepper.optimiser.state_dict(),
        "step": stepper.step,
        "epochs": [asdict(epoch) for epoch in trained.epochs],
    }


def _resume(trained: Trained, stepper: _Stepper, checkpoint: Checkpoint | None) -> None:
    state = checkpoint.read() if checkpoint else None
    if state is None:
        return
    trained.model.load_state_dict(state["model"])
    stepper.optimiser.load_state_dict(state["optimiser"])
    stepper.step = state["step"]
    trained.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
    trained.resumed_epoch = len(trained.epochs)


class _Stepper:
    """Network, optimiser and schedule of one run: what a step changes."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, device: torch.device, *, n_images: int
    ) -> None:
        self.model, self.recipe, self.device = model, recipe, device
        self.loss = training_loss(recipe)
        self.optimiser = optimiser(model, recipe, device)
        self.n_steps = recipe.epochs * math.ceil(n_images / recipe.batch_size)
        self.step = 0

    def __call__(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step; the batch's mean loss and its number of right answers, both on the device."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * rate_factor(
                self.recipe, self.step, self.n_steps
            )
        self.step += 1
        self.optimiser.zero_grad(set_to_none=True)
        with _autocast(self.recipe, self.device):
            logits = self.model(inputs)  # (N, n_classes)
            loss = self.loss(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.gradient_clip)
        self.optimiser.step()
        return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()


def train_step(stepper: _Stepper, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Every optimiser step of the project goes through here, so that a test can count them."""
    return stepper(inputs, labels)


def _train_epoch(stepper: _Stepper, run: RunSpec, data: RunData, number: int) -> dict[str, float]:
    order = data.train[_order(run, len(data.train), number).to(data.train.device)]
    augment = AUGMENTATIONS.get(run.recipe.augmentation)
    rng = seeds.generator(run.root_seed, run.seed, "augment", number)
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.images.device)
    n_right = torch.zeros((), dtype=torch.int64, device=data.images.device)
    stepper.model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.torch_seed(run.root_seed, run.seed, "dropout", number))
        for batch in torch.split(order, run.recipe.batch_size):
            pixels, labels = data.images.index_select(0, batch), data.labels.index_select(0, batch)
            if augment is not None:
                pixels = augment(pixels, rng)
            loss, right = train_step(stepper, data.inputs(pixels), labels)
            loss_sum += loss * len(batch)  # the last, shorter batch counts by its size
            n_right += right
    n = len(data.train)
    return {"train/loss": loss_sum.item() / n, "train/accuracy": n_right.item() / n}


def _order(run: RunSpec, n: int, epoch: int) -> Tensor:
    permutation = seeds.generator(run.root_seed, run.seed, "order", epoch).permutation(n)
    return torch.from_numpy(permutation.astype(np.int64))


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


def evaluate_test(model: nn.Module, run: RunSpec, data: RunData) -> Evaluation:
    """On the test images; beside the probes, the only place that reads them."""
    with _precise(run.recipe):
        loss = evaluation_loss(run.recipe)
        return evaluate(model, data, data.test_images, data.test_labels, loss)


@torch.inference_mode()
def evaluate(
    model: nn.Module, data: RunData, images: Tensor, labels: Tensor, loss: Loss
) -> Evaluation:
    """Mean loss and accuracy over every image, in eval mode; the former mode is restored.

    Shape:
        images (N, C, H, W) raw pixels; labels (N,); predictions (N,) class indices.

    Raises:
        ValueError: There are no images.
    """
    if not len(images):
        raise ValueError("evaluate: needs at least one image, got none; check the split")
    was_training = model.training
    model.eval()
    loss_sum = torch.zeros((), dtype=torch.float64, device=images.device)
    predictions = []
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = slice(start, start + EVALUATION_BATCH)
        logits = model(data.inputs(images[batch]))
        loss_sum += loss(logits, labels[batch]) * len(logits)
        predictions.append(logits.argmax(dim=1))
    model.train(was_training)
    predicted = torch.cat(predictions)
    n_right = (predicted == labels).sum()
    n = len(images)
    return Evaluation(loss_sum.item() / n, n_right.item() / n, n, predicted)


def _autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bfloat16")


@contextmanager
def _precise(recipe: Recipe) -> Iterator[None]:
    """Rounding and determinism as the recipe says, put back afterwards."""
    matmul, deterministic = (
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
    )
    torch.set_float32_matmul_precision("high" if recipe.precision == "tf32" else "highest")
    torch.use_deterministic_algorithms(recipe.deterministic)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.use_deterministic_algorithms(deterministic)


__all__ = [
    "Epoch",
    "Evaluation",
    "RunData",
    "Trained",
    "evaluate",
    "evaluate_test",
    "evaluation_loss",
    "initial_model",
    "place",
    "rate_factor",
    "train",
    "train_step",
    "training_loss",
]
