"""What claims speak of, found among the arms of a study."""

from __future__ import annotations

import math
import tracemalloc

import pytest

from ablations.claims import QuantitySpec, StatementSpec
from ablations.errors import SpecError
from ablations.quantities import ClaimFinder
from lenet_variants import measure

LENET = (1, 28, 28), 10
GRID = {"activation": ["sigmoid", "relu"], "channels": [[3, 8], [6, 16]]}
PHOTO = {"variant": "mlp", "levels": {"hidden": [256]}, "input": "3x1000x1000", "layer": "fc1"}
PAIR = "activation=relu,channels=3x8"


@pytest.fixture
def quantity(plan):
    """Finds one quantity, written short or as a mapping, in a study."""

    def find(said, **changes):
        made = plan(**changes)
        finder = ClaimFinder(made.arms, set(), made.spec.probes, measure)
        side = StatementSpec.model_validate({"left": said, "relation": "less", "right": 1}).left
        return finder.quantity(side)

    return find


@pytest.fixture
def told(plan):
    """The problems of a study with these claims."""

    def problems(*claims, **changes):
        numbered = [{"text": f"claim {n}", **one} for n, one in enumerate(claims)]
        with pytest.raises(SpecError) as caught:
            plan(claims=numbered, **changes)
        return caught.value.problems

    return problems


def conv1_growth(of):
    return {"quantity": "growth", "layer": "conv1", "of": of}


def less(left):
    return {"statement": {"left": left, "relation": "less", "right": 1}}


def test_a_count_without_an_arm_is_the_controls(quantity):
    by_layer = {
        layer.name: layer
        for layer in measure.layers("lenet", {"kernel_size": 3, "padding": 1}, (1, 8, 8), 10)
    }
    conv2 = by_layer["conv2"]
    assert quantity("n_parameters(conv2)").value == conv2.n_parameters == 880
    assert quantity("n_macs(conv2)").value == conv2.n_macs
    assert quantity("n_connections(conv2)").value == conv2.n_connections
    assert quantity("n_activations(conv2)").value == math.prod(conv2.output_shape)
    assert quantity("n_bytes(conv2)").value == 4 * 880
    assert quantity("n_macs()").value == sum(layer.n_macs for layer in by_layer.values())


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (f"n_macs({PAIR}, conv1)", {"quantity": "n_macs", "arm": PAIR, "layer": "conv1"}),
        (f"n_macs({PAIR})", {"quantity": "n_macs", "arm": PAIR}),
        ("n_macs(conv1)", {"quantity": "n_macs", "arm": "control", "layer": "conv1"}),
        ("n_macs()", {"quantity": "n_macs"}),
        (f"growth({PAIR}, n_macs)", {"quantity": "growth", "arm": PAIR, "of": "n_macs"}),
        ("growth(n_macs)", {"quantity": "growth", "of": "n_macs"}),
        (
            f"mean({PAIR}, test/accuracy)",
            {"quantity": "mean", "arm": PAIR, "metric": "test/accuracy"},
        ),
        ("mean(test/loss)", {"quantity": "mean", "metric": "test/loss"}),
        ("n_macs(a (b), c, fc1)", {"quantity": "n_macs", "arm": "a (b), c", "layer": "fc1"}),
        ("n_macs(a (b), c)", {"quantity": "n_macs", "arm": "a (b), c"}),
    ],
)
def test_arguments_are_told_apart_by_the_names_that_there_are(quantity, short, long):
    study = {"design": "grid", "factors": GRID, "arms": [{"name": "a (b), c", "variant": "mlp"}]}
    assert quantity(short, **study) == quantity(long, **study)


def test_a_name_that_is_an_arm_and_a_layer_must_be_written_out(quantity):
    study = {"arms": [{"name": "fc1", "variant": "mlp"}]}
    with pytest.raises(ValueError, match=r"n_macs\(fc1\): can be read as .*write it as a mapping"):
        quantity("n_macs(fc1)", **study)
    arm = quantity({"quantity": "n_macs", "arm": "fc1"}, **study)
    layer = quantity({"quantity": "n_macs", "layer": "fc1"}, **study)
    assert (arm.name, layer.name) == ("n_macs(fc1)", "n_macs(control, fc1)")
    assert arm.value != layer.value


def test_a_measured_quantity_keeps_its_arm_and_metric_and_has_no_value(quantity):
    found = quantity("mean(activation=relu, probe/shift/accuracy_2)", probes=["shift"])
    assert (found.arm, found.metric) == ("activation=relu", "probe/shift/accuracy_2")
    assert found.value is None
    assert not found.is_counted


def test_a_large_photo_into_256_outputs_is_counted_and_not_allocated(quantity):
    tracemalloc.start()
    macs = quantity({"quantity": "n_macs", **PHOTO})
    size = quantity({"quantity": "n_bytes", **PHOTO})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert macs.value == 768_000_000  # one a weight
    assert size.value == 4 * (768_000_000 + 256)
    assert size.value / 1e9 == pytest.approx(3.072, abs=5e-4)
    assert size.name == "n_bytes(mlp[hidden=256] at 3x1000x1000, fc1)"
    assert peak < 1e8


def test_an_arm_may_be_counted_at_another_input_and_with_other_outputs(quantity):
    found = quantity({"quantity": "n_parameters", "input": [1, 16, 16], "n_classes": 3})
    levels = {"kernel_size": 3, "padding": 1}
    assert found.value == measure.count("lenet", levels, (1, 16, 16), 3).n_parameters
    assert found.name == "n_parameters(control at 1x16x16 into 3)"


def test_growth_is_the_slope_of_the_logarithms_between_the_input_and_eight_times_its_side(quantity):
    study = {"arms": ["softmax"]}
    small, large = (
        measure.count("softmax", {}, (1, side, side), 10).n_parameters for side in (8, 64)
    )
    expected = math.log(large / small) / math.log(64)
    assert quantity("growth(softmax, n_parameters)", **study).value == pytest.approx(expected)
    assert expected == pytest.approx(1, abs=0.01)
    gap = {"quantity": "growth", "of": "n_parameters", "variant": "lenet-gap", "input": "1x28x28"}
    assert quantity(gap).value == 0  # nothing of it depends on the image's size


def test_growth_may_be_of_one_layer(quantity):
    conv1 = quantity(conv1_growth("n_parameters"))
    assert (conv1.name, conv1.value) == ("growth(control, conv1, n_parameters)", 0)
    assert quantity({**conv1_growth("n_macs"), "arm": "activation=relu"}).value == 1
    assert quantity({**conv1_growth("n_activations"), "input": "1x28x28"}).value == 1
    fc1 = quantity({"quantity": "growth", "variant": "mlp", "layer": "fc1", "of": "n_bytes"})
    small, large = (64 * 256 + 256, 64 * 64 * 256 + 256)
    assert fc1.value == pytest.approx(math.log(large / small) / math.log(64))


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "n_macs(conv3)",
            "n_macs(conv3): 'conv3' is no arm, and no layer of 'control'; did you mean 'conv2'? ",
        ),
        (
            "n_macs(rellu, conv2)",
            "n_macs(rellu, conv2): 'rellu' is no arm; (there are: control, activation=relu)",
        ),
        (
            "n_macs(activation=relu, conv3)",
            "'conv3' is no layer of 'activation=relu'; did you mean",
        ),
        ("n_activations(control)", "'control' is no layer; (there are: conv1, act1,"),
        ("growth(control, n_activations)", "'n_activations' is no count; did you mean"),
        ("mean(test/acuracy)", "'test/acuracy' is no metric; did you mean 'test/accuracy'?"),
        ({"quantity": "n_macs", "arm": "relu"}, "'relu' is no arm; "),
        ({"quantity": "n_macs", "layer": "conv3"}, "'conv3' is no layer; did you mean"),
        (
            {"quantity": "growth", "layer": "conv3", "of": "n_macs"},
            "'conv3' is no layer; did you mean",
        ),
        (
            {"quantity": "growth", "layer": "pool1", "of": "n_macs"},
            "growth(control, pool1, n_macs): it has no n_macs to grow",
        ),
        ({"quantity": "mean", "metric": "loss"}, "'loss' is no metric; "),
        ({"quantity": "n_macs", "variant": "mpl"}, "expected a registered name, got 'mpl'"),
        (
            {"quantity": "n_macs", "variant": "mlp", "levels": {"hiden": 3}},
            "hiden: no such level; did you mean 'hidden'?",
        ),
        (
            {"quantity": "n_macs", "input": "1x2x2"},
            "lenet pool2: expected an input of at least",
        ),
        (
            {
                "quantity": "n_macs",
                "variant": "softmax",
                "input": "9999x99999x99999",
                "n_classes": 99999,
            },
            "expected a network that can be built for [9999, 99999, 99999], got an error",
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is(told, said, problem):
    (found,) = told(less(said))
    assert found.startswith("claims.0.statement.left: ")
    assert problem in found


def test_problems_of_claims_are_told_with_those_of_arms(told):
    found = told(
        {"contrast": "activation=rel - control", "expect": "less", "metric": "test/los"},
        less("n_macs(conv3)"),
        arms=[{"name": "bad", "variant": "lenet", "levels": {"kernel_size": 7}}],
    )
    assert [text.split(":")[0] for text in found] == [
        "arm 'bad'",
        "claims.0.contrast",
        "claims.0.metric",
        "claims.1.statement.left",
    ]
    assert "'activation=rel' is no arm; did you mean 'activation=relu'?" in found[1]


def test_a_claim_on_an_arm_that_could_not_be_built_adds_no_problem(told):
    found = told(
        {"contrast": "bad - control", "expect": "less"},
        less("n_macs(bad, conv1)"),
        less({"quantity": "n_macs", "arm": "bad"}),
        arms=[{"name": "bad", "variant": "lenet", "levels": {"kernel_size": 7}}],
    )
    assert len(found) == 1


@pytest.mark.parametrize("said", ["n_macs(conv2)", "mean(test/loss)", {"quantity": "n_macs"}])
def test_a_claim_on_a_control_that_could_not_be_built_adds_no_problem(told, said):
    found = told(less(said), control={"variant": "lenet"})
    assert not any(text.startswith("claims") for text in found)


@pytest.mark.parametrize("contrast", ["activation=relu", "control - control", " - control"])
def test_a_contrast_needs_two_arms(told, contrast):
    (found,) = told({"contrast": contrast, "expect": "less"})
    assert found == f"claims.0.contrast: must be two arms as ARM - CONTROL, got {contrast!r}"


def test_numbers_are_quantities(quantity):
    found = quantity(7.68e8)
    assert (found.name, found.value, found.is_number) == ("768000000", 768_000_000, True)
    assert quantity(0.1).name == "0.1"
    assert quantity(12345678901.0).name != quantity(12345678902.0).name
    assert QuantitySpec(quantity="number", value=0).value == 0


def test_a_claim_may_speak_of_layers_that_other_arms_have_not(plan, told):
    deep = "probe/gradient_flow/saturation/conv2"
    study = {"arms": ["mlp"], "probes": ["gradient_flow"], "recipe": {"epochs": 3}}
    before = deep.replace("saturation", "epoch_0_saturation")
    grows = {"left": f"mean({deep})", "relation": "greater", "right": f"mean({before})"}
    slope = {
        "contrast": "activation=relu - control",
        "metric": "probe/gradient_flow/gradient_norm/conv1",
        "expect": "greater",
    }
    made = plan(claims=[{"text": "a", "statement": grows}, {"text": "b", **slope}], **study)
    assert [claim.metric for claim in made.claims][1] == slope["metric"]
    assert told({**slope, "contrast": "mlp - control"}, **study)[0].startswith(
        "claims.0.metric: 'probe/gradient_flow/gradient_norm/conv1' is no metric of 'mlp'; did you"
    )
    assert told(less(f"mean(activation=relu, {deep})"), **study)[0].startswith(
        f"claims.0.statement.left: mean(activation=relu, {deep}): {deep!r} is no metric; did you"
    )


@pytest.mark.parametrize(
    ("metric", "hint"),
    [("test/acuracy", "test/accuracy"), ("validation/loss", "train/loss")],
)
def test_an_endpoint_that_runs_will_not_have_is_told_with_those_they_will(plan, metric, hint):
    with pytest.raises(SpecError) as caught:
        plan(endpoint={"metric": metric, "margin": 0.1})
    assert caught.value.problems == (
        f"endpoint.metric: unknown metric {metric!r}; did you mean {hint!r}? (known here: "
        "test/accuracy, test/loss, train/accuracy, train/loss)",
    )


def test_an_endpoint_is_not_held_against_arms_that_cannot_be_built(told):
    problems = told(control={"variant": "lenet", "levels": {"padding": 3, "kernel_size": 99}})
    assert not any("endpoint" in text for text in problems)
