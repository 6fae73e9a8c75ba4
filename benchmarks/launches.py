"""Kernel launches of a train step, counted where there is no GPU: on the meta device.

A step that runs there computes nothing, but passes the same operations; each that is no view is
taken for one launch. One of several kernels, or one that fuses others, makes the count wrong by as
much: it is for comparing stacks, not for milliseconds.

    python benchmarks/launches.py --out benchmarks/results/launches.json
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from harness import keep, provenance
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ablations.arms import DataFacts
from ablations.plan import RunSpec, make_plan
from ablations.programs import Alone, Program
from ablations.run_data import RunData
from ablations.stacked import Stacked
from ablations.study_file import parse_study
from ablations.training import train_batch
from lenet_variants import measure

META = torch.device("meta")
SIZES = (1, 2, 4, 8, 16, 32, 64)
_NO_LAUNCH = {"aten::_unsafe_view", "aten::empty", "aten::empty_strided", "aten::detach"}


class Launches(TorchDispatchMode):
    """While entered, counts launches, and refuses what would make the host wait for the device.

    Attributes:
        counted: By operation.

    Raises:
        AssertionError: An operation takes a tensor that is not on the meta device, or copies one
            out of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    @property
    def n(self) -> int:
        """Launches so far."""
        return sum(self.counted.values())

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (what any operation returns)
        named = kwargs or {}
        for tensor in tree_leaves((args, dict(named))):
            if isinstance(tensor, Tensor) and tensor.device != META:
                raise AssertionError(f"{func} takes a tensor on {tensor.device}")
        if func.name() == "aten::_local_scalar_dense":
            raise AssertionError(f"{func} copies a number out of the device")
        made = func(*args, **named)
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.device != META:
                raise AssertionError(f"{func} makes a tensor on {tensor.device}")
        if not func.is_view and func.name() not in _NO_LAUNCH:
            self.counted[func.name()] += 1
        return made


def meta_data(run: RunSpec, n_images: int) -> RunData:
    """Images without pixels, of a run's shape."""
    channels = run.input_shape[0]
    images = torch.empty(n_images, *run.input_shape, dtype=torch.uint8, device=META)
    labels = torch.empty(n_images, dtype=torch.int64, device=META)
    scale = torch.empty(channels, 1, 1, device=META)
    return RunData(images, labels, (images, labels), labels, labels[:0], scale, scale)


def step_launches(program: Program, run: RunSpec, size: int) -> Launches:
    """The launches of one step of a program of `size` runs on the meta device."""
    n_images = 2 * run.recipe.batch_size
    data = meta_data(run, n_images)
    batch = torch.empty(size, run.recipe.batch_size, dtype=torch.int64, device=META)
    program.begin_epoch()
    with Launches() as launches:
        train_batch(program, data, batch, lambda pixels: pixels)
    return launches


def runs(
    variant: str, n: int, *, dataset: object = "fashion-mnist", **recipe: object
) -> list[RunSpec]:
    """Runs of one arm, one a seed, on images of the size of Fashion-MNIST."""
    spec = parse_study(
        {
            "study": "launches",
            "dataset": dataset,
            "control": variant,
            "design": "arms",
            "seeds": n,
            "recipe": {"epochs": 1, **recipe},
            "endpoint": {"margin": 0.005},
        }
    )
    facts = DataFacts("0" * 64, 60_000, (1, 28, 28), 10, lambda _: [])
    return list(make_plan(spec, {"fashion-mnist": facts}, measure).runs)


def count(variant: str, size: int) -> Launches:
    """The launches of a step of a stack, or with size 1 of a run alone, without its optimiser.

    Those of `torch.optim` refuse to run without numbers.
    """
    planned = runs(variant, size, **({"optimizer": "sgd"} if size == 1 else {}))
    n_images = 2 * planned[0].recipe.batch_size
    if size == 1:
        return step_launches(Alone(planned[0], META, n_images=n_images), planned[0], 1)
    return step_launches(Stacked(planned, META, n_images=n_images), planned[0], size)


def main() -> None:
    """Count for stacks of 1 to 64 and print launches a run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variant", default="lenet")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    for size in SIZES:
        launches = count(arguments.variant, size)
        rows.append({"stack": size, "launches": launches.n, "a_run": launches.n / size})
        print(f"stack of {size:2}: {launches.n:4} launches, {launches.n / size:6.2f} a run-step")
    content = {"variant": arguments.variant, "stacks": rows, "provenance": provenance()}
    keep(arguments.out, "launches", content)


if __name__ == "__main__":
    main()
