"""What stored answers to the test images add to a contrast, and when they are of no use."""

from __future__ import annotations

import numpy as np
import pytest

from reports.images import ImageNoise, budgets, image_noise
from reports.methods import values_of
from reports.plan import ContrastSpec
from reports.questions import Question
from reports.statistics.noise import crossed_interval, detectable_on_images, variance_budget
from reports.table import Outcome

N_SEEDS, N_IMAGES = 4, 500
QUESTION = Question(
    spec=ContrastSpec("a - control", "a", "control"),
    metric="test/accuracy",
    direction="maximize",
    margin=0.005,
    alpha=0.05,
    family="primary",
    family_size=2,
)


@pytest.fixture
def kept():
    """Answers by run key, and the outcomes of both arms that fit them."""
    rng = np.random.default_rng(11)
    examples = {
        f"{arm}{seed}": rng.random(N_IMAGES) < accuracy
        for arm, accuracy in (("a", 0.9), ("c", 0.8))
        for seed in range(N_SEEDS)
    }
    runs = {
        arm: {
            seed: Outcome(f"{arm}{seed}", "FINISHED", float(examples[f"{arm}{seed}"].mean()))
            for seed in range(N_SEEDS)
        }
        for arm in "ac"
    }
    return examples, runs["a"], runs["c"]


def noise(kept, question=QUESTION):
    examples, arm, control = kept
    return image_noise(question, values_of(question, arm, control), arm, control, examples)


def stacked(examples, arm):
    return np.stack([examples[f"{arm}{seed}"] for seed in range(N_SEEDS)]).astype(float)


def test_numbers_are_those_of_the_statistics(kept):
    found, d = noise(kept), stacked(kept[0], "a") - stacked(kept[0], "c")
    assert found.ci == pytest.approx(crossed_interval(d, level=0.95))
    disagreement = float((d != 0).mean())
    assert found.detectable == detectable_on_images(disagreement, N_IMAGES, alpha=0.025)


def test_less_is_better_turns_the_interval_round(kept):
    there, back = noise(kept), noise(kept, Question(**{**vars(QUESTION), "direction": "minimize"}))
    assert back.ci == pytest.approx(there.ci.flipped())
    assert back.detectable == there.detectable


def drop_one(examples, arm):
    del examples["a0"]


def shorten_one(examples, arm):
    examples["a0"] = examples["a0"][:100]


def shorten_all(examples, arm):
    for seed in range(N_SEEDS):
        examples[f"a{seed}"] = examples[f"a{seed}"][:250]
        arm[seed] = arm[seed]._replace(value=float(examples[f"a{seed}"].mean()))


def turn_one(examples, arm):
    examples["a0"] = ~examples["a0"]


@pytest.mark.parametrize("spoil", [drop_one, shorten_one, shorten_all, turn_one])
def test_answers_that_do_not_fit_say_nothing(kept, spoil):
    spoil(*kept[:2])
    assert noise(kept) == ImageNoise()


def test_another_metric_has_no_answers(kept):
    question = Question(**{**vars(QUESTION), "metric": "test/loss"})
    assert noise(kept, question) == ImageNoise()


def test_a_budget_is_of_all_runs_of_an_arm(kept):
    examples, arm, control = kept
    outcomes = {("a", "shared"): arm, ("c", "shared"): control}
    first, second = budgets(list(outcomes), outcomes, examples)
    expected = variance_budget(stacked(examples, "a"))
    assert (first["arm"], first["n_seeds"], first["n_images"]) == ("a", N_SEEDS, N_IMAGES)
    assert first["interaction"] == pytest.approx(expected.interaction)
    assert sum(second["shares"]) == pytest.approx(1)


def test_a_failed_run_is_in_no_budget_and_two_runs_have_none(kept):
    examples, arm, _ = kept
    arm[0] = Outcome("a0", "OOM", None)
    (entry,) = budgets([("a", "shared")], {("a", "shared"): arm}, examples)
    assert entry["n_seeds"] == 3
    arm[1] = Outcome("a1", "OOM", None)
    assert budgets([("a", "shared")], {("a", "shared"): arm}, examples) == []
