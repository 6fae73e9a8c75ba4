"""The names of a study's metrics: by split, by probe, by layer and by epoch."""

from __future__ import annotations

import pytest

from ablations.metric_names import arm_metrics, common
from ablations.probe_cards import SHIFT


@pytest.fixture
def metric_names(plan):
    """The metrics that all arms of a small study have."""

    def names(**changes):
        made = plan(**changes)
        return common(arm_metrics(arm, made.spec.probes) for arm in made.arms)

    return names


def test_metrics_follow_split_and_probes(metric_names):
    plain = ("test/accuracy", "test/loss", "train/accuracy", "train/loss")
    assert tuple(metric_names()) == plain
    with_split = metric_names(dataset={"name": "digits", "validation": 50})
    assert set(with_split) - set(plain) == {"validation/accuracy", "validation/loss"}
    probed = metric_names(probes=["shift"])
    layers = ("conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "output")
    names = {*SHIFT.metrics, *(f"change/{layer}" for layer in layers)}
    assert set(probed) - set(plain) == {f"probe/shift/{name}" for name in names}


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({"arms": ["mlp"]}, {"fc1", "output"}),
        ({"factors": {"pooling": ["max", "none"]}}, {"conv1", "conv2", "fc1", "fc2", "output"}),
        ({"factors": {"hidden": [[120, 84], []]}}, {"conv1", "pool1", "conv2", "pool2", "output"}),
    ],
)
def test_metrics_by_layer_are_of_the_layers_that_all_arms_have(metric_names, changes, layers):
    probed = metric_names(probes=["shift"], **changes)
    found = {name for name in probed if "/change/" in name}
    assert found == {f"probe/shift/change/{layer}" for layer in layers}


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"recipe": {"epochs": 1}}, [0]),
        ({"recipe": {"epochs": 6}}, [0, 1, 2, 3, 5]),
        ({"factors": {"recipe.epochs": [3, 6]}, "recipe": {"epochs": 6}}, [0, 1, 2]),
        ({"recipe": {"epochs": 6}, "arms": [{"variant": "mlp", "recipe": {"epochs": 2}}]}, [0, 1]),
        (
            {
                "recipe": {"epochs": 6},
                "dataset": ["digits", {"name": "digits", "subset": 99, "recipe": {"epochs": 2.0}}],
            },
            [0, 1],
        ),
    ],
)
def test_metrics_of_the_course_of_training_are_of_the_epochs_that_all_arms_have(
    metric_names, changes, epochs
):
    probed = metric_names(probes=["gradient_flow"], **changes)
    found = {name for name in probed if name.endswith("gradient_norm/fc1")}
    named = {f"probe/gradient_flow/epoch_{epoch}_gradient_norm/fc1" for epoch in epochs}
    assert found == {*named, "probe/gradient_flow/gradient_norm/fc1"}
