"""The notes' network against the log that was published with it, on all of Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from ablations.preparation import RunOptions
from ablations.runner import run_study
from ablations.study_file import load_study

STUDY = Path(__file__).parents[2] / "studies" / "lenet-log.yaml"

# Dive into Deep Learning, PyTorch port, section 5.5: test accuracy by epoch, in the text and in the
# notebook. (Their loss column divides by a counter that is never reset, so it is not compared.)
TEXT = (0.584, 0.699, 0.724, 0.746, 0.759)
NOTEBOOK = (0.584, 0.666, 0.720, 0.740, 0.749)


@pytest.mark.slow
@pytest.mark.end_to_end
def test_the_notes_network_learns_as_its_published_log_says(tmp_path, store_uri):
    options = RunOptions(tracking_uri=store_uri, work_dir=tmp_path / "work", device="cpu")
    records = run_study(load_study(STUDY), options)
    curves = [record.curves["test/accuracy"] for record in records]
    assert len(curves) == 5
    means = [mean(values) for values in zip(*curves, strict=True)]
    for found, low, high in zip(means[:-1], NOTEBOOK, TEXT, strict=False):
        assert low - 0.04 < found < high + 0.04
    assert min(abs(means[-1] - TEXT[-1]), abs(means[-1] - NOTEBOOK[-1])) < 0.02
