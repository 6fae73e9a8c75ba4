from __future__ import annotations

import json

import pytest

GOOD = """
import math
from torch import nn
from lenet_variants import register_variant

@register_variant("my-net", source="my notes")
def my_net(input_shape, n_classes, *, bias: bool = True):
    n_inputs = math.prod(input_shape)
    return nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, n_classes, bias=bias))
"""


@pytest.mark.parametrize(
    ("variant", "n_parameters", "n_macs"),
    [("lenet", 44_426, 281_640), ("lenet-d2l", 61_706, 416_520)],
)
def test_describe_counts_what_the_papers_count(call, variant, n_parameters, n_macs):
    facts = json.loads(call("describe", variant, "--json").output)
    assert (facts["n_parameters"], facts["n_macs"]) == (n_parameters, n_macs)
    assert sum(layer["n_parameters"] for layer in facts["layers"]) == n_parameters
    keys = {"name", "family", "revision", "summary", "source", "native_input", "unspecified"}
    keys |= {"input", "n_classes", "levels", "layers", "n_parameters", "n_macs", "n_connections"}
    assert set(facts) == keys


def test_describe_takes_an_input_and_classes(call):
    facts = json.loads(
        call("describe", "lenet", "--input", "3x32X32", "--classes", 7, "--json").output
    )
    assert (facts["input"], facts["n_classes"]) == ([3, 32, 32], 7)
    assert facts["layers"][-1]["output_shape"] == [7]


@pytest.mark.parametrize("text", ["28x28", "1x28x", "axbxc", "0x28x28", "1x-2x3", "1x2x3x4"])
def test_an_input_that_is_no_shape_is_bad_input(call, text):
    result = call("describe", "lenet", "--input", text)
    assert result.exit_code == 2
    assert f"must be CHANNELSxHEIGHTxWIDTH such as 1x28x28, got {text!r}" in result.output


def test_an_unknown_variant_is_bad_input_with_the_nearest_name(call):
    result = call("describe", "lenett")
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert "'lenett'" in result.output
    assert "did you mean 'lenet'?" in result.output


def test_an_input_too_small_for_a_network_is_bad_input(call):
    result = call("describe", "lenet", "--input", "1x4x4")
    assert result.exit_code == 2
    assert "conv" in result.output


def test_describe_takes_levels(call):
    facts = json.loads(
        call("describe", "lenet", "--set", "weights=local", "--set", "bias=unit", "--json").output
    )
    assert facts["n_parameters"] == 286_334
    refused = call("describe", "lenet", "--set", "connections=h2-1989")
    assert refused.exit_code == 2
    assert "use channels [12, 12]" in refused.output


def test_variants_are_listed_with_their_sizes(call):
    rows = json.loads(call("variants", "--json").output)
    assert {"lenet", "lenet-d2l", "mlp", "softmax"} <= {row["name"] for row in rows}
    keys = {"name", "family", "revision", "summary", "source", "native_input", "unspecified"}
    keys |= {"levels", "input", "n_classes", "n_parameters", "n_macs", "n_connections"}
    assert all(set(row) == keys for row in rows)
    assert "lenet-d2l" in call("variants").output
    assert call("variants", "--markdown").output.startswith("# The registry\n")


def test_a_plug_in_is_listed_described_and_checked(call, tmp_path, forget_variants):
    file = tmp_path / "my_nets.py"
    file.write_text(GOOD, encoding="utf-8")
    assert "my-net" in call("variants", "--plugin", file).output
    assert "my notes" in call("describe", "my-net", "--plugin", file).output
    checked = call("check-variant", file)
    assert checked.exit_code == 0, checked.output
    assert "every promise kept" in checked.output


def test_a_variant_that_breaks_a_promise_exits_1(call, tmp_path, forget_variants):
    file = tmp_path / "my_nets.py"
    file.write_text(GOOD.replace("nn.Linear(n_inputs, n_classes,", "nn.Linear(784, 10,"))
    checked = call("check-variant", file)
    assert checked.exit_code == 1
    assert "broken  builds" in checked.output


def test_a_registered_variant_can_be_checked_by_name(call):
    checked = call("check-variant", "softmax")
    assert checked.exit_code == 0, checked.output


def test_a_file_that_is_not_there_is_bad_input(call):
    checked = call("check-variant", "nowhere.py")
    assert checked.exit_code == 2
    assert "expected a Python file or an entry point" in checked.output
