"""What each idea for a faster train step on a CPU gives, against the step as PyTorch has it.

One thread, the notes' LeNet, batch 256, Adam, images already normalised. Every idea is timed in a
process of its own, in rounds that alternate, since the machine's speed drifts and the C library's
memory is set once a process; what counts is the ratio to `plain` within a round. `same bits` says
whether weights after ten steps are those of `plain`.

    python benchmarks/step.py --rounds 5 --out benchmarks/results/step.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from harness import keep, provenance
from torch import Tensor, nn
from torch.nn import functional

from ablations import devices
from ablations.pooling import QuickPooling
from ablations.record import digest
from lenet_variants import create

BATCH, N_CHECKED, N_TIMED = 256, 10, 60
CPU = torch.device("cpu")
KEPT, TRIED = "kept", "tried, not kept"


@dataclass(frozen=True)
class Idea:
    """One way to make the step faster.

    Attributes:
        verdict: Whether the project trains so.
        keeps_memory: Whether the C library keeps what is freed; see `ablations.devices`.
        pooling: Entered around the forward pass.
        model: Made of the network as it comes.
        layout: Of images and weights.
        autocast: Whether the forward pass is in bfloat16.
        micro_batch: Images whose gradients are summed at a time.
        fused: Whether Adam is fused.
    """

    verdict: str = TRIED
    keeps_memory: bool = True
    pooling: Callable[[], AbstractContextManager[object]] = nullcontext
    model: Callable[[nn.Module], nn.Module] = lambda model: model
    layout: torch.memory_format = torch.contiguous_format
    autocast: bool = False
    micro_batch: int = BATCH
    fused: bool = True


class PoolFirst(nn.Sequential):
    """A network whose pooling comes before the activation it follows: equal for monotone ones."""

    def forward(self, x: Tensor) -> Tensor:
        """The scores."""
        layers = dict(self.named_children())
        for name, layer in layers.items():
            if name.startswith("act") and f"pool{name[3:]}" in layers:
                continue
            x = layer(x)
            if name.startswith("pool"):
                x = layers[f"act{name[4:]}"](x)
        return x


def _pool_first(model: nn.Module) -> nn.Module:
    model.__class__ = PoolFirst
    return model


IDEAS: dict[str, Idea] = {
    "plain": Idea(verdict="what it is measured against", keeps_memory=False),
    "freed memory kept": Idea(verdict=KEPT),
    "pooling by halves": Idea(verdict=KEPT, keeps_memory=False, pooling=QuickPooling),
    "both": Idea(verdict="how the project trains", pooling=QuickPooling),
    "both, pooling before activation": Idea(pooling=QuickPooling, model=_pool_first),
    "both, Adam not fused": Idea(pooling=QuickPooling, fused=False),
    "both, channels last": Idea(pooling=QuickPooling, layout=torch.channels_last),
    "both, bfloat16": Idea(pooling=QuickPooling, autocast=True),
    "both, bfloat16 and channels last": Idea(
        pooling=QuickPooling, autocast=True, layout=torch.channels_last
    ),
    "both, micro-batches of 128": Idea(pooling=QuickPooling, micro_batch=128),
    "both, micro-batches of 64": Idea(pooling=QuickPooling, micro_batch=64),
}


def stepper(idea: Idea, levels: dict[str, str]) -> tuple[nn.Module, Callable[[], None]]:
    """A network and its step on one fixed batch."""
    torch.manual_seed(0)
    model = idea.model(create("lenet", **levels)).to(memory_format=idea.layout)
    images = torch.rand(BATCH, 1, 28, 28).to(memory_format=idea.layout)
    labels = torch.randint(0, 10, (BATCH,))
    adam = torch.optim.Adam(model.parameters(), fused=idea.fused)
    parts = list(zip(images.split(idea.micro_batch), labels.split(idea.micro_batch), strict=True))

    def step() -> None:
        adam.zero_grad(set_to_none=True)
        for some_images, some_labels in parts:
            with torch.autocast("cpu", torch.bfloat16, enabled=idea.autocast), idea.pooling():
                loss = functional.cross_entropy(model(some_images), some_labels)
            (loss * (len(some_labels) / BATCH)).backward()
        adam.step()

    return model, step


def measure(name: str, levels: dict[str, str]) -> dict[str, object]:
    """Images a second of one idea, and a digest of its weights, in this process."""
    idea = IDEAS[name]
    if idea.keeps_memory:
        devices.prepare_process(CPU)
    torch.set_num_threads(1)
    model, step = stepper(idea, levels)
    for _ in range(N_CHECKED):
        step()
    weights = digest([one.tolist() for one in model.parameters()])
    seconds = []
    for _ in range(N_TIMED):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return {"images_per_second": BATCH / statistics.median(seconds), "weights": weights}


def _in_a_process(name: str, levels: dict[str, str]) -> dict[str, object]:
    command = [sys.executable, __file__, "--idea", name, "--levels", json.dumps(levels)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def compared(levels: dict[str, str], n_rounds: int) -> Iterator[dict[str, object]]:
    """A row an idea: its ratio to `plain`, the median and the range over rounds."""
    rounds = [{name: _in_a_process(name, levels) for name in IDEAS} for _ in range(n_rounds)]
    for name, idea in IDEAS.items():
        pace = [one[name]["images_per_second"] for one in rounds]
        ratios = [
            one[name]["images_per_second"] / one["plain"]["images_per_second"] for one in rounds
        ]
        yield {
            "idea": name,
            "verdict": idea.verdict,
            "images_per_second": round(statistics.median(pace)),
            "ratio": round(statistics.median(ratios), 3),
            "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
            "same_bits": rounds[0][name]["weights"] == rounds[0]["plain"]["weights"],
        }


def main() -> None:
    """Compare all ideas for three networks and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--idea", choices=IDEAS, help=argparse.SUPPRESS)
    parser.add_argument("--levels", type=json.loads, default={}, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.idea:
        print(json.dumps(measure(arguments.idea, arguments.levels)))
        return
    source, networks = provenance(), []
    for levels in ({}, {"activation": "relu"}, {"pooling": "avg"}):
        rows = list(compared(levels, arguments.rounds))
        networks.append({"levels": levels, "ideas": rows})
        print(f"lenet {levels or ''}")
        for row in rows:
            low, high = row["ratio_range"]
            print(
                f"  {row['idea']:34} {row['images_per_second']:7,} images/s  "
                f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"
                f"{'' if row['same_bits'] else '  other bits'}"
            )
    content = {"rounds": arguments.rounds, "networks": networks, "provenance": source}
    keep(arguments.out, "step", content)


if __name__ == "__main__":
    main()
