"""Training: the step against torch written by hand, and what a run may look at."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations import seeds, training
from ablations.checkpoints import Checkpoints
from ablations.data import prepare, split
from lenet_variants import create

CPU = torch.device("cpu")
RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


@pytest.fixture(scope="session")
def placed(digits):
    """The data of a run, on the CPU."""
    return lambda run: training.place(prepare(digits, run.dataset), run, CPU)


@pytest.fixture(scope="session")
def train(placed):
    def trained(run, data=None):
        return training.train(run, data or placed(run), CPU, lambda _: None)

    return trained


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def by_hand(run, data, make_optimiser):
    """The weights after the run's steps, by plain torch, and each epoch's mean training loss."""
    with torch.random.fork_rng():
        torch.manual_seed(seeds.torch_seed(run.root_seed, run.seed, "init"))
        model = create("lenet-relu", (1, 8, 8), 10, kernel_size=3, padding=1)
    optimiser = make_optimiser(model.parameters())
    losses = []
    for epoch in range(1, run.recipe.epochs + 1):
        order = seeds.generator(run.root_seed, run.seed, "order", epoch).permutation(
            len(data.train)
        )
        total = 0.0
        for start in range(0, len(order), run.recipe.batch_size):
            batch = data.train[torch.from_numpy(order[start : start + run.recipe.batch_size])]
            loss = functional.cross_entropy(
                model(data.images[batch].float() * (1 / 255)), data.labels[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        losses.append(total / len(order))
    return weights(model), losses


OPTIMISERS = {
    "adam": ({"learning_rate": 0.01}, lambda p: torch.optim.Adam(p, lr=0.01, fused=True)),
    "adamw": (
        {"learning_rate": 0.01, "weight_decay": 0.1},
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    ),
    "sgd": (
        {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, fused=True),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(("batch_size", "epochs"), [(100, 1), (32, 2)], ids=["one step", "8 steps"])
def test_steps_are_those_of_torch_by_hand_bit_for_bit(run, placed, train, name, batch_size, epochs):
    values, make_optimiser = OPTIMISERS[name]
    recipe = {"optimizer": name, "batch_size": batch_size, "epochs": epochs, **values}
    one = run(control=RELU, recipe=recipe)
    expected, losses = by_hand(one, placed(one), make_optimiser)
    trained = train(one)
    assert torch.equal(weights(trained.model), expected)
    assert trained.curves["train/loss"] == pytest.approx(losses, rel=1e-6)


def test_last_short_batch_counts_by_its_size(run, train, placed):
    one = run(recipe={"optimizer": "sgd", "learning_rate": 1e-30, "epochs": 1, "batch_size": 64})
    data = placed(one)
    assert len(data.train) == 100  # batches of 64 and 36
    model = training.initial_model(one, CPU)
    logits = model(data.images.float() / 255)
    (epoch,) = train(one, data).epochs
    assert epoch.metrics["train/loss"] == pytest.approx(
        functional.cross_entropy(logits, data.labels).item(), rel=1e-6
    )
    assert epoch.metrics["train/accuracy"] == (logits.argmax(1) == data.labels).sum().item() / 100
    assert epoch.n_images == 100


def test_same_run_gives_the_same_bits_and_another_seed_others(run, train):
    first, again, other = (train(run(seed, control=RELU)) for seed in (0, 0, 1))
    assert torch.equal(weights(first.model), weights(again.model))
    assert first.curves == again.curves
    assert not torch.equal(weights(first.model), weights(other.model))


RESUMED = {
    "adam": {},
    "adamw": {"recipe": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"}},
    "sgd": {"recipe": {"optimizer": "sgd", "momentum": 0.9, "schedule": "onecycle"}},
    "augmented": {"recipe": {"augmentation": "shift", "warmup": 1.5}},
    "running averages": {"levels": {"norm": "batch"}},
    "dropout": {"levels": {"dropout": 0.5}},
    "validation": {"dataset": {"name": "digits", "subset": 100, "validation": 20}},
}


class Stop(Exception):  # noqa: N818 (a kill, as near as one process can have it)
    """Ends a training between two epochs."""


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
@pytest.mark.parametrize("stopped_at", [1, 3])
def test_a_run_that_goes_on_from_its_checkpoint_ends_with_the_same_bits(
    run, placed, tmp_path, changes, stopped_at
):
    control = {**RELU, "levels": {**RELU["levels"], **changes.get("levels", {})}}
    recipe = {"epochs": 5, "batch_size": 34, **changes.get("recipe", {})}
    data = {"dataset": changes["dataset"]} if "dataset" in changes else {}
    one = run(control=control, recipe=recipe, **data)
    kept = Checkpoints(tmp_path, seconds=0)

    def stop(epoch):
        if epoch.number == stopped_at:
            raise Stop

    with pytest.raises(Stop):
        training.train(one, placed(one), CPU, stop, kept.of("key", "here"))
    told = []
    resumed = training.train(one, placed(one), CPU, told.append, kept.of("key", "here"))
    whole = training.train(one, placed(one), CPU, lambda _: None)
    assert (resumed.resumed_epoch, whole.resumed_epoch) == (stopped_at, None)
    assert [epoch.number for epoch in told] == list(range(stopped_at + 1, 6))
    states = resumed.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert resumed.curves == whole.curves


def test_checkpoints_are_written_where_they_are_due_and_not_at_the_end(run, placed, tmp_path):
    one = run(recipe={"epochs": 3})
    often, seldom = (Checkpoints(tmp_path, seconds=s).of("key", "here") for s in (0, 999))
    training.train(one, placed(one), CPU, lambda _: None, seldom)
    assert seldom.read() is None
    training.train(one, placed(one), CPU, lambda _: None, often)
    assert len(often.read()["epochs"]) == 2


def test_root_seed_gives_other_bits(run, train):
    assert train(run()).curves != train(run(root_seed=1)).curves


def test_training_does_not_move_the_callers_random_state(run, train):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(run())
    assert torch.equal(torch.get_rng_state(), before)


def test_bits_do_not_depend_on_the_callers_random_state(run, train):
    torch.manual_seed(1)
    first = train(run())
    torch.manual_seed(2)
    assert torch.equal(weights(first.model), weights(train(run()).model))


def test_arms_of_a_seed_share_split_and_order(plan, placed, monkeypatch):
    seen = {}
    step = training.train_step

    def watched(stepper, inputs, labels):
        seen[name].append((inputs.clone(), labels))
        return step(stepper, inputs, labels)

    monkeypatch.setattr(training, "train_step", watched)
    made = plan(dataset={"name": "digits", "subset": 100, "validation": 20}, arms=["mlp"])
    for one in made.runs:
        name = (one.seed, one.arm)
        seen[name] = []
        training.train(one, placed(one), CPU, lambda _: None)
    for seed in (0, 1):
        control, *others = (seen[seed, arm.name] for arm in made.arms)
        for other in others:
            assert all(
                torch.equal(mine, theirs)
                for pair in zip(control, other, strict=True)
                for mine, theirs in zip(*pair, strict=True)
            )
    assert not torch.equal(seen[0, "mlp"][0][1], seen[1, "mlp"][0][1])


def test_order_is_drawn_anew_every_epoch(run, placed, monkeypatch):
    batches = []
    step = training.train_step

    def watched(stepper, inputs, labels):
        batches.append(labels)
        return step(stepper, inputs, labels)

    monkeypatch.setattr(training, "train_step", watched)
    one = run(recipe={"epochs": 3, "batch_size": 100})
    training.train(one, placed(one), CPU, lambda _: None)
    assert len(batches) == 3  # one step an epoch, and no step beside them
    assert all(torch.equal(batch.sort().values, batches[0].sort().values) for batch in batches)
    assert not torch.equal(batches[0], batches[1])


def test_split_is_the_seeds_and_disjoint(run, placed, digits):
    one = run(3, dataset={"name": "digits", "validation": 100})
    data = placed(one)
    expected = split(digits.train_labels, 100, seeds.generator(0, 3, "split"))
    assert torch.equal(data.train, expected[0])
    assert torch.equal(data.validation, expected[1])
    assert not set(data.train.tolist()) & set(data.validation.tolist())


def test_placing_on_the_cpu_copies_no_image(run, placed, digits):
    data = placed(run(dataset="digits"))
    assert data.images.data_ptr() == digits.train_images.data_ptr()
    assert data.test_images.data_ptr() == digits.test_images.data_ptr()


def test_inputs_are_normalised_as_the_study_says(run, placed):
    data = placed(run(dataset={"name": "digits", "normalise": "lecun1998"}))
    pixels = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
    assert data.inputs(pixels).flatten().tolist() == pytest.approx([-0.1, 1.175])
    assert data.inputs(pixels).dtype == torch.float32


class Fixed(nn.Module):
    """Logits that can be summed by hand: the first pixel is the logit of class 1, 0 of class 0."""

    def forward(self, inputs):
        if self.training:
            raise AssertionError("evaluated in training mode")
        first = inputs[:, 0, 0, 0]
        return torch.stack([torch.zeros_like(first), first], dim=1)


def test_evaluate_by_hand_counts_every_image_once(run, placed, monkeypatch):
    monkeypatch.setattr(training, "EVALUATION_BATCH", 2)  # batches of 2 and 1
    pixels = torch.tensor([0, 255, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    labels = torch.tensor([0, 1, 0])
    model = Fixed()
    found = training.evaluate(model, placed(run()), pixels, labels, functional.cross_entropy)
    by_hand = [math.log(2), math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))]
    assert found.loss == pytest.approx(sum(by_hand) / 3, rel=1e-6)
    assert found.accuracy == 2 / 3
    assert found.n_examples == 3
    assert found.predictions.tolist() == [0, 1, 1]
    assert found.metrics("test") == {"test/loss": found.loss, "test/accuracy": found.accuracy}


@pytest.mark.parametrize("was_training", [True, False])
def test_evaluate_restores_the_mode(run, placed, was_training):
    data, model = placed(run()), Fixed().train(was_training)
    training.evaluate(model, data, data.test_images, data.test_labels % 2, functional.cross_entropy)
    assert model.training is was_training


def test_evaluate_refuses_an_empty_split(run, placed):
    data = placed(run())
    nothing, labels = data.images[:0], data.labels[:0]
    with pytest.raises(ValueError, match="evaluate: needs at least one image, got none; check the"):
        training.evaluate(Fixed(), data, nothing, labels, functional.cross_entropy)


class Poisoned(torch.Tensor):
    """A tensor that nothing may look at."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} read the test images")


def poison(data):
    return replace(
        data,
        test_images=data.test_images.as_subclass(Poisoned),
        test_labels=data.test_labels.as_subclass(Poisoned),
    )


@pytest.mark.parametrize("curves", [None, "train", "validation"])
def test_training_does_not_read_the_test_images(run, placed, train, curves):
    dataset = {"name": "digits", "subset": 100, "validation": 20}
    one = run(dataset=dataset, curves=curves, recipe={"epochs": 2})
    trained = train(one, poison(placed(one)))
    assert sorted(trained.curves) == [
        "train/accuracy",
        "train/loss",
        "validation/accuracy",
        "validation/loss",
    ]


def test_training_reads_the_test_images_every_epoch_if_their_curve_is_asked_for(run, placed, train):
    one = run(curves="test", recipe={"epochs": 2, "batch_size": 32})
    with pytest.raises(AssertionError, match="read the test images"):
        train(one, poison(placed(one)))
    trained = train(one)
    assert len(trained.curves["test/loss"]) == 2
    final = training.evaluate_test(trained.model, one, placed(one))
    assert trained.curves["test/loss"][-1] == final.loss


def test_recording_the_test_curve_moves_no_weight(run, train):
    plain, curved = train(run()), train(run(curves="test"))
    assert torch.equal(weights(plain.model), weights(curved.model))


def test_on_epoch_is_told_of_every_epoch_in_turn(run, placed):
    told = []
    one = run(recipe={"epochs": 3, "batch_size": 64})
    trained = training.train(one, placed(one), CPU, told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3]
    assert told == trained.epochs
    assert all(epoch.seconds > 0 for epoch in told)


def test_divergence_is_found_in_its_epoch(run, train):
    one = run(control=RELU, recipe={"learning_rate": 1e30, "epochs": 4, "batch_size": 50})
    trained = train(one)
    assert trained.diverged_epoch == 1
    assert trained.epochs == []
    assert trained.curves == {}


def test_epochs_before_divergence_are_kept(run, train):
    # One batch an epoch: the first loss is that of the initial weights.
    one = run(control=RELU, recipe={"learning_rate": 1e30, "epochs": 4, "batch_size": 100})
    trained = train(one)
    assert trained.diverged_epoch == 2
    assert len(trained.epochs) == 1


def test_validation_loss_that_is_not_finite_is_divergence(run, train):
    dataset = {"name": "digits", "subset": 120, "validation": 20}
    recipe = {"learning_rate": 1e30, "epochs": 4, "batch_size": 100}
    trained = train(run(control=RELU, dataset=dataset, recipe=recipe))
    assert trained.diverged_epoch == 1
    assert trained.curves == {}


def test_finished_run_has_not_diverged(run, train):
    assert train(run()).diverged_epoch is None


def test_place_gives_shapes_for_channels(run, placed):
    data = placed(run(dataset={"name": "digits", "normalise": "standard"}))
    assert data.scale.shape == data.shift.shape == (1, 1, 1)
    inputs = data.inputs(data.images)
    assert inputs.mean().item() == pytest.approx(0, abs=1e-4)
    assert np.isclose(inputs.std(correction=0).item(), 1, atol=1e-4)
