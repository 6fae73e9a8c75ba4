"""A study whose network does to its worker what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.jobs import Stack, Worker
from ablations.options import RunOptions
from ablations.outcomes import Job
from ablations.preparation import Prepared
from ablations.study_file import parse_study
from lenet_variants.registry import load_plugin

Work = tuple[Worker, list[Stack]]

WILFUL = '''
"""A linear network that runs the code in `will.py` beside it in every training step."""

from pathlib import Path

from torch import nn

from lenet_variants.registry import register_variant

WILL = Path(__file__).with_name("will.py")


class Wilful(nn.Sequential):
    def forward(self, images):
        if images.device.type != "meta" and self.training and WILL.exists():
            exec(WILL.read_text(), {"folder": WILL.parent})
        return super().forward(images)


@register_variant("wilful", source="this test")
def wilful(input_shape, n_classes):
    """One linear layer."""
    channels, height, width = input_shape
    return Wilful(nn.Flatten(), nn.Linear(channels * height * width, n_classes))
'''


@pytest.fixture
def work(home, tiny, forget_variants) -> Callable[..., Work]:
    """Makes a worker, and a stack a seed of a wilful network that does `will`."""

    def make(will: str = "", **changes: object) -> Work:
        (home / "wilful.py").write_text(WILFUL, encoding="utf-8")
        (home / "will.py").write_text(will, encoding="utf-8")
        load_plugin(home / "wilful.py")
        changes |= {"control": "wilful", "factors": {}, "arms": ["softmax"]}
        raw = tiny(plugins=["wilful.py"], **changes)
        options = RunOptions(
            device="cpu", work_dir=Path(".ablations"), study_file=home / "study.yaml"
        )
        prepared = Prepared(parse_study(raw), options)
        jobs = [Job(run) for run in prepared.plan.runs if run.arm == "control"]
        return prepared.worker(jobs), [Stack((job,)) for job in jobs]

    return make
