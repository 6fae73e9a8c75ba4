"""Networks by name, and a user's own."""

from __future__ import annotations

import hashlib
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
import torch
from torch import nn

import lenet_variants
from lenet_variants import builders, catalogue, measure, registry
from lenet_variants.errors import (
    DuplicateVariantError,
    LevelError,
    PluginError,
    UnknownVariantError,
    VariantError,
)

PLUGIN = '''
from __future__ import annotations
from typing import Literal
from torch import nn
from lenet_variants import register_variant

@register_variant("my-net", source="own")
def my_net(input_shape, n_classes, *, width: int = 8, act: Literal["relu", "tanh"] = "relu"):
    """A net of mine.

    With more to say.
    """
    act = {"relu": nn.ReLU, "tanh": nn.Tanh}[act]
    return nn.Sequential(
        nn.Conv2d(input_shape[0], width, 3), act(), nn.Flatten(), nn.LazyLinear(n_classes)
    )
'''


@pytest.fixture(autouse=True)
def _forget_plugins():
    before = catalogue.names()
    yield
    for name in set(catalogue.names()) - set(before):
        catalogue.remove(name)
        builders.remove(name)


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_nets.py"
    path.write_text(PLUGIN)
    return path


def add(name, forward_or_model):
    @lenet_variants.register_variant(name, source="own")
    def build(input_shape, n_classes, *, width: int = 3):
        return forward_or_model(input_shape, n_classes, width)

    return build


class BuiltFromNumbers(nn.Module):
    """A forward that reads a number, which the meta device has not."""

    def __init__(self, n_classes):
        super().__init__()
        self.output = nn.Linear(784, n_classes)

    def forward(self, images):
        scale = 1.0 if images.sum().item() >= 0 else -1.0
        return self.output(images.flatten(1)) * scale


def test_create_names_every_bad_level():
    with pytest.raises(LevelError, match="2 levels are wrong"):
        lenet_variants.create("lenet", activation="rely", poling="avg")
    with pytest.raises(UnknownVariantError, match="did you mean 'lenet-relu'"):
        lenet_variants.create("lenet_relu")


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
def test_a_file_with_one_decorated_function_is_a_variant(plugin):
    assert lenet_variants.load_plugin(plugin) == ("my-net",)
    torch.manual_seed(0)
    model = lenet_variants.create("my-net", (1, 8, 8), 4, width=2, act="tanh")
    assert isinstance(model[1], nn.Tanh)
    assert model(torch.rand(3, 1, 8, 8)).shape == (3, 4)
    n_parameters = sum(one.numel() for one in model.parameters())
    assert measure.count("my-net", {"width": 2}, (1, 8, 8), 4).n_parameters == n_parameters
    with pytest.raises(LevelError, match=r"my-net act: .*allowed: relu, tanh"):
        lenet_variants.create("my-net", act="sigmoid")


def test_the_documented_plugin_runs(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "variants.md"
    example = page.read_text().split("```python\n")[2].split("```")[0]
    file = tmp_path / "documented.py"
    file.write_text(example)
    assert lenet_variants.load_plugin(file) == ("my-net",)
    assert lenet_variants.create("my-net", (3, 6, 7), 4)(torch.rand(2, 3, 6, 7)).shape == (2, 4)


def test_a_plugin_is_identified_by_its_source(plugin):
    lenet_variants.load_plugin(plugin)
    found = catalogue.find("my-net")
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert found.code == {"plugin": "my-net", "sha256": digest}
    assert found.identity(found.resolve({"width": 8})) == {}
    assert found.summary == "A net of mine."


def test_the_same_content_is_loaded_once(plugin, tmp_path):
    copy = tmp_path / "copy.py"
    copy.write_bytes(plugin.read_bytes())
    assert lenet_variants.load_plugin(plugin) == lenet_variants.load_plugin(str(copy))


def test_a_taken_name_is_refused_with_both_places(plugin, tmp_path):
    lenet_variants.load_plugin(plugin)
    edited = tmp_path / "edited.py"
    edited.write_text(PLUGIN.replace("width: int = 8", "width: int = 9"))
    with pytest.raises(DuplicateVariantError, match=r"edited\.py:7: .*'my-net', which .*my_nets"):
        lenet_variants.load_plugin(edited)
    assert catalogue.find("my-net").levels["width"].default == 8
    with pytest.raises(
        DuplicateVariantError, match=r"'lenet', which lenet_variants\.catalogue has"
    ):
        add("lenet", lambda *_: nn.Identity())


def test_two_functions_of_one_file_cannot_share_a_name(tmp_path):
    twice = tmp_path / "twice.py"
    twice.write_text(PLUGIN + PLUGIN.replace("from __future__ import annotations\n", ""))
    with pytest.raises(DuplicateVariantError, match=r"twice\.py:\d+: .*twice\.py:\d+ has"):
        lenet_variants.load_plugin(twice)
    assert "my-net" not in lenet_variants.names()


def test_running_a_definition_again_is_no_clash():
    first = [add("again", lambda _, n, __: nn.Linear(1, n)) for _ in range(2)]
    assert len(first) == 2
    assert lenet_variants.names().count("again") == 1


def test_a_plugin_that_fails_leaves_nothing_behind(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(PLUGIN + "\n1 / 0\n")
    with pytest.raises(PluginError, match=r"broken\.py: .* got ZeroDivisionError: division by"):
        lenet_variants.load_plugin(broken)
    assert "my-net" not in lenet_variants.names()


def test_a_plugin_without_variants_is_refused(tmp_path):
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    with pytest.raises(PluginError, match="at least one variant, got none; decorate"):
        lenet_variants.load_plugin(empty)


def test_a_missing_plugin_is_refused():
    with pytest.raises(PluginError, match=r"'nets\.py': expected a Python file or an entry point"):
        lenet_variants.load_plugin("nets.py")


def test_an_installed_plugin_is_loaded_by_its_name(plugin, monkeypatch):
    monkeypatch.syspath_prepend(plugin.parent)
    points = EntryPoints([EntryPoint("mine", "my_nets", registry.ENTRY_POINTS)])
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))
    assert lenet_variants.load_plugin("mine") == ("my-net",)
    assert lenet_variants.load_plugin("mine") == ("my-net",)
    assert len(catalogue.find("my-net").code["sha256"]) == 64


def test_a_builder_without_readable_source_has_no_identity_and_is_refused():
    names = {}
    exec("def build(input_shape, n_classes): ...", names)  # noqa: S102 (as in a bare prompt)
    with pytest.raises(VariantError, match=r"<string>:1: expected a builder whose source can be"):
        lenet_variants.register_variant("sourceless", source="own")(names["build"])


def test_a_refusal_of_the_plugins_own_is_passed_on():
    def build(*_):
        raise VariantError("conv1: expected an even side, got 27; crop the images")

    add("even", build)
    with pytest.raises(VariantError, match=r"^even conv1: expected an even side, got 27"):
        lenet_variants.create("even")


def test_names_with_spaces_are_refused():
    with pytest.raises(VariantError, match=r"test_registry\.py:\d+: .*got 'my net'; rename"):
        add("my net", lambda *_: nn.Identity())


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (lambda *_: 3, "expected an nn.Module, got int; return the network"),
        (
            lambda *_: 1 / 0,
            r"28, 28\] in 10 classes at {'width': 3}, got ZeroDivisionError: .*; mend it, or",
        ),
        (lambda *_: nn.Flatten(), r"forward: expected logits of shape \[2, 10\].* got \[2, 784\]"),
        (
            lambda *_: nn.Sequential(nn.Conv2d(1, 2, 40), nn.Flatten()),
            r"forward: .* after entering 0 \(Conv2d\) with \[1, 28, 28\]: ",
        ),
    ],
)
def test_a_network_that_does_not_run_is_refused_before_training(builder, message):
    add("broken", builder)
    with pytest.raises(VariantError, match=f"^broken .*{message}"):
        lenet_variants.create("broken")


def test_a_network_that_reads_numbers_is_run_with_some():
    add("numbers", lambda _, n_classes, __: BuiltFromNumbers(n_classes))
    assert measure.count("numbers", {}, (1, 28, 28), 10).n_parameters == 7_850
    assert lenet_variants.create("numbers")(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_checking_a_plugin_does_not_move_its_weights():
    add("linear", lambda _, n, __: nn.Sequential(nn.Flatten(), nn.Linear(784, n)))
    torch.manual_seed(3)
    expected = nn.Linear(784, 10).weight
    torch.manual_seed(3)
    assert torch.equal(lenet_variants.create("linear")[1].weight, expected)


def test_matching_by_hidden_sizes_that_do_nothing_is_refused():
    @lenet_variants.register_variant("deaf", source="own")
    def build(input_shape, n_classes, *, hidden: tuple[int, ...] = (4,)):
        del input_shape, hidden
        return nn.Sequential(nn.Flatten(), nn.Linear(784, n_classes))

    target = measure.count("lenet", {}, (1, 28, 28), 10)
    with pytest.raises(VariantError, match=r"deaf: expected n_parameters to grow .* got 7,850"):
        measure.match("deaf", {}, (1, 28, 28), 10, target)


def test_matching_without_hidden_layers_is_refused():
    add("flat", lambda _, n, __: nn.Sequential(nn.Flatten(), nn.Linear(784, n)))
    target = measure.count("lenet", {}, (1, 28, 28), 10)
    with pytest.raises(VariantError, match=r"flat: expected a variant with a level 'hidden'"):
        measure.match("flat", {}, (1, 28, 28), 10, target)
