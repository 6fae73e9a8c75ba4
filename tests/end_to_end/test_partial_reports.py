"""A report of a study that still trains in another process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ablations.tracking.store import MlflowStore

pytestmark = pytest.mark.end_to_end

HELD = '''
"""A linear network whose forward waits as long as a file named `hold` lies beside it."""

import time
from pathlib import Path

from torch import nn

from lenet_variants.registry import register_variant


class Held(nn.Module):
    def __init__(self, n_pixels: int, n_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(n_pixels, n_classes)

    def forward(self, images):
        while images.device.type != "meta" and Path(__file__).with_name("hold").exists():
            time.sleep(0.02)
        return self.output(images.flatten(1))


@register_variant("held", source="this test")
def held(input_shape, n_classes):
    """One linear layer."""
    channels, height, width = input_shape
    return Held(channels * height * width, n_classes)
'''
RECIPE = {"epochs": 100, "batch_size": 32, "learning_rate": 0.01}
STUDY = {
    "question": "Is a higher learning rate of use?",
    "control": {"variant": "held"},
    "design": "arms",
    "factors": {},
    "arms": [{"name": "faster", "variant": "held", "recipe": {"learning_rate": 0.1}}],
    "plugins": ["held.py"],
    "seeds": 4,
    "recipe": RECIPE,
}


@pytest.fixture
def driver(home, store_uri, tiny_file, start, read_until):
    """A driver of eight runs that stands still in the seventh or eighth until `hold` is gone."""
    (home / "held.py").write_text(HELD)
    process = start("run", tiny_file(**STUDY), "--workers", 1, "--out", "whole")
    read_until(process, "[6/8]")
    (home / "hold").touch()
    return process


def _results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def _stored(store_uri) -> dict:
    """The results that lie on the study's parent run."""
    store = MlflowStore(store_uri)
    _, parent = store.parent("tiny")
    return _results(Path(store.client.download_artifacts(parent, "report")))


def test_a_report_beside_a_running_driver_is_there_at_once_and_judges_nothing(
    driver, home, store_uri, start
):
    report = start("report", "tiny", "--out", "part")
    output = report.stdout.read()
    assert report.wait() == 0, output
    assert driver.poll() is None
    assert "not final: planned runs are missing, so there are no verdicts" in output
    assert "not stored" not in output
    part = _results(home / "part")
    assert part["final"] is False
    assert "not_final" in [warning["code"] for warning in part["warnings"]]
    assert all(len(arm["values"]) >= 3 and arm["ci"] for arm in part["arms"])
    (contrast,) = part["contrasts"]
    assert contrast["verdict"] is None
    assert contrast["n_pairs"] >= 3
    assert None not in (contrast["estimate"], contrast["ci"], contrast["ci_adjusted"])
    assert not re.search(r"better|worse|equivalent", contrast["sentence"])
    for kind in ("html", "md"):
        text = re.sub(r"<[^>]*>|\*", "", (home / "part" / f"report.{kind}").read_text())
        assert re.search(r"Not final\. Runs are missing.* no verdict is given\.", text)
        assert re.search(r"no verdict\W*not final: faster changes test accuracy", text)
    assert _stored(store_uri) == part

    (home / "hold").unlink()
    assert driver.wait() == 0, driver.stdout.read()
    whole = _results(home / "whole")
    assert whole["final"] is True
    assert whole["plan"]["deviations"] == []
    (contrast,) = whole["contrasts"]
    assert contrast["verdict"]
    assert contrast["method"] == "paired"
    assert "extended_after_results" not in contrast["flags"]
    assert [arm["n_finished"] for arm in whole["arms"]] == [4, 4]
    assert _stored(store_uri) == whole
