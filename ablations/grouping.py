"""Which runs are trained together: stacks of runs that have one shape, as large as memory holds.

Called by `preparation` before anything is trained. Keeps the plan's order as well as it can: a
stack starts where the first of its runs stands.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.func import functional_call

from ablations.jobs import Stack
from ablations.outcomes import Job
from ablations.plan import RunSpec
from ablations.programs import initial_model
from ablations.record import digest
from lenet_variants import measure, stacking

MOST = 32
"""Runs in a stack where no number is asked for: more save no launches worth having."""

# Of every recipe in a stack; the rest of a recipe may differ from run to run.
_SHARED_BY_RECIPES = {
    *("optimizer", "batch_size", "epochs", "loss", "label_smoothing", "precision", "deterministic"),
}
_NUMBER_BYTES = 4
_COPIES_OF_WEIGHTS = 8  # weights, gradients, two moments, and what a step computes between them
_COPIES_OF_UNITS = 4  # each layer's output, its gradient, and what the kernels need beside them
_USABLE = 0.7  # of the memory: the rest is the data's, the libraries' and fragmentation's


@dataclass
class _Open:
    """A stack that still takes runs."""

    position: int
    jobs: list[Job] = field(default_factory=list)


def grouped(
    jobs: Sequence[Job], planned: Sequence[RunSpec], *, most: int, memory_bytes: int
) -> list[Stack]:
    """The jobs in stacks, each job once.

    How many runs a stack has is worked out from all planned runs, not from those that are left, so
    that a study which was stopped goes on with the bits it began with.

    Args:
        jobs: What is to be done, in order.
        planned: Every run of the study.
        most: Runs in a stack; 1 for none.
        memory_bytes: What all runs of one stack may take together.
    """
    if most == 1:
        return [Stack((job,)) for job in jobs]
    n_planned = Counter(shape_key(run) for run in planned)
    sizes: dict[str, tuple[int, str]] = {}
    stacks: list[tuple[int, Stack]] = []
    opened: dict[str, _Open] = {}
    for position, job in enumerate(jobs):
        if job.weights is not None:  # nothing is trained
            stacks.append((position, Stack((job,))))
            continue
        key = shape_key(job.run)
        if key not in sizes:
            sizes[key] = _size(job.run, n_planned[key], most, memory_bytes)
        size, reason = sizes[key]
        stack = opened.setdefault(key, _Open(position))
        stack.jobs.append(job)
        if len(stack.jobs) == size:
            stacks.append((stack.position, Stack(tuple(stack.jobs), size, reason)))
            del opened[key]
    for key, stack in opened.items():
        stacks.append((stack.position, Stack(tuple(stack.jobs), *sizes[key])))
    return [stack for _, stack in sorted(stacks, key=lambda one: one[0])]


def shape_key(run: RunSpec) -> str:
    """Runs of one key can share a stack: one network, the same images, steps of one kind."""
    plain = run.to_dict()
    network = [plain[name] for name in ("variant", "levels", "input_shape", "n_classes")]
    recipe = {name: plain["recipe"][name] for name in sorted(_SHARED_BY_RECIPES)}
    return digest([network, recipe, plain["dataset"], run.curves])


def _size(run: RunSpec, n_planned: int, most: int, memory_bytes: int) -> tuple[int, str]:
    """Runs in each stack of a shape, and why it is 1 where it is."""
    if n_planned == 1:
        return 1, "no other run has its shape"
    try:
        fitting = int(_USABLE * memory_bytes // run_bytes(run))
        if fitting <= 1:
            return 1, f"two of it need more than the memory of {memory_bytes / 1e9:.1f} GB"
        if reason := why_alone(run):
            return 1, reason
    except Exception as error:  # a user's builder may fail in any way; its run will say so
        return 1, f"it cannot be built: {type(error).__name__}: {error}"
    n_stacks = math.ceil(n_planned / min(most, fitting))
    return math.ceil(n_planned / n_stacks), ""


def run_bytes(run: RunSpec) -> int:
    """About what one run of a stack takes while it trains."""
    _, layers = measure.traced(run.variant, run.levels, run.input_shape, run.n_classes)
    n_units = math.prod(run.input_shape) + sum(math.prod(one.output_shape) for one in layers)
    weights = _COPIES_OF_WEIGHTS * run.n_parameters
    return _NUMBER_BYTES * (weights + _COPIES_OF_UNITS * n_units * run.recipe.batch_size)


def why_alone(run: RunSpec) -> str | None:
    """Why copies of a run's network cannot be trained in one stack; None where they can."""
    model = initial_model(run, torch.device("cpu"))
    drawing = stacking.random_layers(model)
    if drawing:
        return f"{', '.join(drawing)} would draw other numbers in a stack"
    other = initial_model(replace(run, seed=run.seed + 1), torch.device("cpu"))
    if not _lends_its_forward(model, other, run):
        return "its forward draws on more than its parameters and buffers"
    return stacking.why_not_stacked(model, run.input_shape, run.n_classes)


@torch.no_grad()
def _lends_its_forward(model: nn.Module, other: nn.Module, run: RunSpec) -> bool:
    """Whether one network with another's parameters and buffers gives the other's scores."""
    images = torch.linspace(0, 1, 2 * math.prod(run.input_shape)).reshape(2, *run.input_shape)
    state = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    return torch.equal(functional_call(model.eval(), state, (images,)), other.eval()(images))
