from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(
    ("variant", "n_parameters", "n_macs"),
    [("lenet", 44_426, 281_640), ("lenet-d2l", 61_706, 416_520)],
)
def test_describe_counts_what_the_papers_count(call, variant, n_parameters, n_macs):
    facts = json.loads(call("describe", variant, "--json").output)
    assert (facts["n_parameters"], facts["n_macs"]) == (n_parameters, n_macs)
    assert sum(layer["n_parameters"] for layer in facts["layers"]) == n_parameters
    assert set(facts) == {
        "name",
        "source",
        "input",
        "n_classes",
        "levels",
        "layers",
        "n_parameters",
        "n_macs",
    }


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


def test_variants_are_listed_with_their_sizes(call):
    rows = json.loads(call("variants", "--json").output)
    assert {"lenet", "lenet-d2l", "mlp", "softmax"} <= {row["name"] for row in rows}
    keys = {"name", "family", "levels", "source", "input", "n_parameters", "n_macs"}
    assert all(set(row) == keys for row in rows)
    assert "lenet-d2l" in call("variants").output
