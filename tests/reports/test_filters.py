"""Pictures of first layers, as they stand in the document."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from reports.filters import MOST, filter_section, picture
from reports.table import validated_runs


def arrays(scale=1.0):
    return {
        "layer": np.str_("conv1"),
        "filters": scale * np.arange(10 * 9, dtype=np.float32).reshape(10, 3, 3),
        "indices": np.array([4, 7]),
        "pixels": np.zeros((2, 1, 5, 5), np.uint8),
        "maps": np.ones((2, 10, 3, 3), np.float32),
    }


def test_a_picture_is_bytes_from_its_least_to_its_largest_value():
    found = picture(np.array([[-1.0, 0.0], [1.0, 3.0]]))
    assert (found["shape"], found["low"], found["high"]) == ([2, 2], -1.0, 3.0)
    assert list(base64.b64decode(found["base64"])) == [0, 64, 128, 255]
    assert set(base64.b64decode(picture(np.full((2, 2), 7.0))["base64"])) == {0}


def test_an_arm_has_the_pictures_of_its_lowest_seed_that_has_some(make_runs):
    table = validated_runs(make_runs({"control": [0.9, 0.9, 0.9], "a": [0.8]}))
    keys = dict(zip(zip(table["arm"], table["seed"], strict=True), table["run_key"], strict=True))
    held = {keys["control", 2]: arrays(2.0), keys["control", 1]: arrays()}
    cells = [("control", "shared"), ("a", "shared")]
    (found,) = filter_section(table, cells, held)
    assert (found["arm"], found["seed"], found["layer"]) == ("control", 1, "conv1")
    assert len(found["filters"]) == MOST
    assert found["filters"][1]["low"] == pytest.approx(9)
    assert [image["index"] for image in found["images"]] == [4, 7]
    assert [len(image["maps"]) for image in found["images"]] == [MOST, MOST]
