"""What every registered variant promises; being in the catalogue enrols it here.

The second half breaks each promise on purpose, so that a check that sees nothing fails.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

import lenet_variants
from lenet_variants import catalogue, measure
from lenet_variants.card import Counts
from lenet_variants.contract import PROMISES, check_variant
from lenet_variants.subject import SIZES

BUILT_IN = catalogue.names()


@pytest.fixture(scope="module")
def checks():
    """The checks of each built-in variant by promise, made when first asked for."""
    made = {}

    def of(name):
        if name not in made:
            made[name] = {check.name: check for check in check_variant(name)}
        return made[name]

    return of


@pytest.mark.contract
@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("name", BUILT_IN)
def test_keeps_its_promise(name, promise, checks):
    check = checks(name)[promise]
    assert check.passed, check.detail


@pytest.mark.contract
@pytest.mark.parametrize("name", BUILT_IN)
class TestBuiltIn:
    """What is asked of the variants of this package and not of a user's."""

    def test_is_built_at_every_size(self, name, checks):
        detail = checks(name)["builds"].detail
        assert all("x".join(map(str, size)) in detail for size in SIZES)

    def test_can_be_stacked(self, name, checks):
        assert checks(name)["stacks"].detail == "copies train as one program"

    def test_has_published_or_counted_sizes_on_its_card(self, name):
        assert catalogue.find(name).counts is not None

    def test_is_its_family_but_for_its_declared_levels(self, name):
        found = catalogue.find(name)
        size, n_classes = found.native_input, found.n_classes
        declared = found.identity(found.resolve({}))
        by_hand = lenet_variants.create(found.family, size, n_classes, **declared)
        assert str(lenet_variants.create(name, size, n_classes)) == str(by_hand)
        family = catalogue.find(found.family)
        assert family.identity(family.resolve({})) == {}
        assert bool(declared) == (name != found.family)

    def test_layers_carry_the_contract_names(self, name):
        found = catalogue.find(name)
        layers = measure.describe(name, {}, found.native_input, found.n_classes)["layers"]
        rows = [layer["name"] for layer in layers]
        model = lenet_variants.create(name, found.native_input, found.n_classes)
        assert rows == [child for child, _ in model.named_children()]
        assert rows[-1] == "output"

    def test_card_says_what_it_is_and_where_from(self, name):
        found = catalogue.find(name)
        assert found.summary
        assert found.source
        assert found.plugin_digest is None


class Net(nn.Sequential):
    """A linear map, and what a test does to it."""

    def __init__(self, n_inputs, n_classes, *, bias=True):
        super().__init__(nn.Flatten(), nn.Linear(n_inputs, n_classes, bias=bias))


def test_a_plain_network_keeps_every_promise(broken):
    def plain(input_shape, n_classes, *, bias: bool = True):
        return Net(math.prod(input_shape), n_classes, bias=bias)

    assert broken(plain, counts=Counts(7_850, 7_840, 7_850)) == {}


def test_a_builder_may_refuse_sizes(broken):
    def only_digits(input_shape, n_classes):
        if input_shape != (1, 28, 28):
            raise ValueError("made for digits")
        return Net(784, n_classes)

    assert broken(only_digits) == {}
    builds = next(one for one in check_variant("mine") if one.name == "builds")
    assert builds.detail == "at 1x28x28 and for 7 classes; refuses 1x32x32, 3x32x32, 1x64x64"


def test_a_network_that_is_not_built_natively_breaks_all(broken):
    def never(input_shape, n_classes):
        raise ValueError("no")

    details = broken(never)
    assert set(details) == set(PROMISES)
    assert "its native input is refused" in details["builds"]
    unbuilt = "not checked, since it is not built at its native input"
    assert {details[promise] for promise in set(PROMISES) - {"builds"}} == {unbuilt}


def test_sizes_written_into_the_network_break_builds(broken):
    def fixed(input_shape, n_classes):
        return Net(784, n_classes)

    details = broken(fixed)
    assert set(details) == {"builds", "trains"}
    assert "expected scores for 1x32x32 in 10 classes, or a ValueError" in details["builds"]


def test_classes_written_into_the_network_break_builds(broken):
    def fixed(input_shape, n_classes):
        return Net(math.prod(input_shape), 10)

    details = broken(fixed)
    assert set(details) == {"builds"}
    assert "for 1x28x28 in 7 classes" in details["builds"]


def test_scores_in_another_precision_break_builds(broken):
    def double(input_shape, n_classes):
        class Double(Net):
            def forward(self, images):
                return super().forward(images).double()

        return Double(math.prod(input_shape), n_classes)

    assert broken(double) == {"builds": "expected float32 scores, got torch.float64; convert"}


def test_other_counts_than_the_cards_break_counts(broken):
    def plain(input_shape, n_classes):
        return Net(math.prod(input_shape), n_classes)

    details = broken(plain, counts=Counts(7_851, 7_840, 7_850))
    assert set(details) == {"counts"}
    assert "n_parameters=7851" in details["counts"]


def test_a_parameter_without_a_gradient_breaks_trains(broken):
    def idle(input_shape, n_classes):
        model = Net(math.prod(input_shape), n_classes)
        model[1].idle = nn.Parameter(torch.rand(3))
        return model

    assert broken(idle) == {
        "trains": "expected a gradient of 1.idle at 1x28x28, got none; use it in forward, or take "
        "it out"
    }


def test_a_loss_that_is_not_finite_breaks_trains(broken):
    def endless(input_shape, n_classes):
        class Endless(Net):
            def forward(self, images):
                return super().forward(images) / self.training_only(images)

            def training_only(self, images):
                return images.new_zeros(()) if self.training else images.new_ones(())

        return Endless(math.prod(input_shape), n_classes)

    details = broken(endless)
    assert set(details) == {"trains"}
    assert "expected a finite loss at 1x28x28, got" in details["trains"]


def test_weights_from_elsewhere_break_seeds(broken):
    elsewhere = torch.Generator().manual_seed(7)

    def drawn(input_shape, n_classes):
        model = Net(math.prod(input_shape), n_classes)
        with torch.no_grad():
            model[1].weight.normal_(generator=elsewhere)
        return model

    details = broken(drawn)
    assert details["seeds"].startswith("expected equal weights from equal seeds")
    assert "1.weight" in details["seeds"]
    assert "1.bias" not in details["seeds"]


def test_weights_of_a_seed_of_its_own_break_seeds(broken):
    def seeded(input_shape, n_classes):
        model = Net(math.prod(input_shape), n_classes)
        with torch.no_grad():
            model[1].weight.normal_(generator=torch.Generator().manual_seed(7))
        return model

    details = broken(seeded)
    assert set(details) == {"seeds"}
    assert "got the same in 1.weight" in details["seeds"]


def test_constant_weights_break_seeds(broken):
    def constant(input_shape, n_classes):
        model = Net(math.prod(input_shape), n_classes)
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0.1)
        return model

    assert "got constants" in broken(constant)["seeds"]


def test_an_image_that_sees_its_batch_breaks_alone(broken):
    def centred(input_shape, n_classes):
        class Centred(Net):
            def forward(self, images):
                return super().forward(images - images.mean(dim=0))

        return Centred(math.prod(input_shape), n_classes)

    assert set(broken(centred)) == {"alone"}


def test_a_stack_that_is_not_possible_is_told_and_breaks_nothing(broken):
    def by_the_data(input_shape, n_classes):
        class Signed(Net):
            def forward(self, images):
                scores = super().forward(images)
                return scores if images.device.type == "meta" or scores.sum() > 0 else scores * 2

        return Signed(math.prod(input_shape), n_classes)

    details = broken(by_the_data)
    assert "stacks" not in details
    stacks = next(one for one in check_variant("mine") if one.name == "stacks")
    assert stacks.detail.startswith("no: RuntimeError: vmap: It looks like you're")


def test_a_state_outside_the_state_dict_breaks_saves(broken):
    def hidden(input_shape, n_classes):
        class Hidden(Net):
            def __init__(self, *sizes):
                super().__init__(*sizes)
                self.kept = [torch.rand(sizes[1])]

            def forward(self, images):
                scores = super().forward(images)
                return scores if scores.device.type == "meta" else scores * self.kept[0]

        return Hidden(math.prod(input_shape), n_classes)

    assert set(broken(hidden)) == {"saves"}


def test_the_callers_generator_is_left_alone():
    state = torch.get_rng_state()
    check_variant("softmax")
    assert torch.equal(torch.get_rng_state(), state)


def test_a_variant_that_is_not_there_is_refused():
    with pytest.raises(lenet_variants.UnknownVariantError, match="did you mean 'lenet'"):
        check_variant("lenett")


def test_a_builder_that_fails_has_not_refused(broken):
    def mistaken(input_shape, n_classes):
        if input_shape[0] == 3:
            raise KeyError("colour")
        return Net(math.prod(input_shape), n_classes)

    details = broken(mistaken)
    assert set(details) == {"builds", "trains"}
    assert "got KeyError: 'colour'; mend it, or raise ValueError where it" in details["builds"]


def test_numbers_drawn_in_evaluation_break_alone(broken):
    def drawing(input_shape, n_classes):
        class Drawing(Net):
            def forward(self, images):
                return functional.dropout(super().forward(images), 0.5)

        return Drawing(math.prod(input_shape), n_classes)

    details = broken(drawing)
    assert "got others the second time; draw nothing and keep nothing there" in details["alone"]


def test_scores_that_are_no_numbers_break_alone(broken):
    def endless(input_shape, n_classes):
        class Endless(Net):
            def forward(self, images):
                scores = super().forward(images)
                return scores if self.training else scores / 0

        return Endless(math.prod(input_shape), n_classes)

    assert "expected finite scores in eval mode" in broken(endless)["alone"]


def test_images_that_are_written_to_break_alone(broken):
    def writing(input_shape, n_classes):
        class Writing(Net):
            def forward(self, images):
                if not self.training and images.device.type != "meta":
                    images.mul_(0.5)
                return super().forward(images)

        return Writing(math.prod(input_shape), n_classes)

    assert "got them changed; do not write to them" in broken(writing)["alone"]


def test_a_network_without_anything_to_train_breaks_trains(broken):
    def frozen(input_shape, n_classes):
        return Net(math.prod(input_shape), n_classes).requires_grad_(requires_grad=False)

    details = broken(frozen)
    assert set(details) == {"trains"}
    assert "got none that require a gradient; unfreeze some" in details["trains"]


def test_a_bias_that_a_normalisation_takes_out_is_told_and_breaks_nothing(broken):
    def normed(input_shape, n_classes):
        n_inputs = math.prod(input_shape)
        return nn.Sequential(
            nn.Flatten(), nn.Linear(n_inputs, 8), nn.BatchNorm1d(8), nn.Linear(8, n_classes)
        )

    assert broken(normed) == {}
    trains = next(one for one in check_variant("mine") if one.name == "trains")
    assert trains.detail.endswith("; a normalisation takes 1.bias out again in training")
