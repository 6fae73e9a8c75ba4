"""The floor: two one-thread eager torch processes, no evaluation, no tracking.

Torch is imported and the data are loaded once; two forked workers take runs from one queue. Each
run's weights are left in `weights/`, so that whoever started it can see that it has trained; its
seconds of training are printed.
"""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from urllib.parse import quote

import torch
from memory_loop import begun, tensors, train_epoch
from task import PROCESSES, Run, asked

ASKED = asked()
IMAGES, LABELS = tensors(ASKED, "train")
WEIGHTS = Path("weights")


def train(run: Run) -> float:
    """Train one run and leave its weights; the seconds of its training."""
    torch.set_num_threads(1)
    model, optimiser = begun(run)
    started = time.perf_counter()
    for _ in range(ASKED.epochs):
        train_epoch(model, optimiser, IMAGES, LABELS)
    seconds = time.perf_counter() - started
    torch.save(model.state_dict(), WEIGHTS / f"{quote(run.name)}.pt")
    return seconds


if __name__ == "__main__":
    WEIGHTS.mkdir()
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        for run, seconds in zip(ASKED.runs, pool.imap(train, ASKED.runs), strict=True):
            print(f"{run.name}: {seconds:.4f} s of training")
