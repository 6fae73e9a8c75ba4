"""Where `status` says that contrasts stand."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ablations.cli.standing import contrast_table
from ablations.seeding import Ending, seeding_of

BASE = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50]


@pytest.fixture
def told(plan):
    """The line on the contrast, for so many seeds of arms with these values."""
    stored = plan(seeds={"looks": [3, 6]}).to_dict()

    def tell(values, n):
        ended = {
            (arm, "shared"): {s: Ending(one) for s, one in enumerate(held[:n])}
            for arm, held in (("control", BASE), ("activation=relu", values))
        }
        console = Console(file=io.StringIO(), width=120)
        console.print(contrast_table(seeding_of(stored, []), ended, stored["endpoint"]))
        head, _, line = console.file.getvalue().splitlines()
        assert head.strip() == "test/accuracy at the looks, margin 0.02"
        return " ".join(line.split())

    return tell


CLEAR = [0.80, 0.83, 0.77, 0.81, 0.79, 0.80]
NOISY = [0.40, 0.65, 0.45, 0.60, 0.41, 0.62]


def test_a_contrast_before_its_first_look_waits(told):
    assert told(CLEAR, 2) == "activation=relu - control first look at 3 seeds"


def test_a_decided_contrast_says_when_and_what(told):
    line = told(CLEAR, 3)
    assert line.startswith("activation=relu - control 3 +0.3 +0.2")
    assert line.endswith("decided at 3: different")
    assert told(BASE, 3).endswith("3 +0 +0 to +0 decided at 3: equivalent")


def test_an_open_contrast_goes_on_until_the_last_look(told):
    assert told(NOISY, 3).endswith("goes on to 6 seeds")
    assert told(NOISY, 5).endswith("goes on to 6 seeds")
    assert told(NOISY, 6).endswith("undecided at the last look")
