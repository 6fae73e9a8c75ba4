"""What each key of a recipe does to training: schedules, losses, clipping, precision."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from ablations import recipes, training
from ablations.spec import Recipe

RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


@pytest.fixture(scope="session")
def learn(run, train):
    def trained(**recipe):
        return train(run(control=RELU, recipe={"epochs": 1, "batch_size": 32, **recipe}))

    return trained


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


LOW = 1 / 25


@pytest.mark.parametrize(
    ("recipe", "n_steps", "factors"),
    [
        ({}, 4, {0: 1, 1: 1, 3: 1}),
        ({"schedule": "cosine"}, 4, {0: 1, 1: (1 + math.sqrt(0.5)) / 2, 2: 0.5}),
        ({"schedule": "step"}, 8, {0: 1, 3: 1, 4: 0.1, 5: 0.1, 6: 0.01, 7: 0.01}),
        (
            {"schedule": "onecycle"},
            20,
            {0: LOW, 3: (1 + LOW) / 2, 6: 1, 13: 0.5, 19: (1 + math.cos(math.pi * 13 / 14)) / 2},
        ),
        ({"warmup": 2, "epochs": 4}, 8, {0: 0.25, 1: 0.5, 2: 0.75, 3: 1, 4: 1, 7: 1}),
        (
            {"warmup": 2, "epochs": 4, "schedule": "cosine"},
            8,
            {0: 0.25, 3: 1, 4: 1, 6: 0.5, 7: (1 - math.sqrt(0.5)) / 2},
        ),
        (
            {"warmup": 2, "epochs": 4, "schedule": "step"},
            8,
            {3: 1, 4: 1, 5: 1, 6: 0.1, 7: 0.01},
        ),
        ({"warmup": 0.5, "epochs": 1}, 4, {0: 0.5, 1: 1, 2: 1}),
    ],
    ids=str,
)
def test_rate_factor_by_hand(recipe, n_steps, factors):
    found = {step: recipes.rate_factor(Recipe(**recipe), step, n_steps) for step in factors}
    assert found == pytest.approx(factors)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "onecycle"])
@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
def test_rate_factor_is_never_above_one_nor_below_zero(schedule, n_steps):
    recipe = Recipe(schedule=schedule)
    factors = [recipes.rate_factor(recipe, step, n_steps) for step in range(n_steps)]
    assert all(0 <= factor <= 1 for factor in factors)


def test_schedule_scales_the_steps_of_training(learn):
    # The second half of "step" goes a tenth of the way: by hand with two one-step epochs.
    one = {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 100}
    start = weights(learn(**{**one, "learning_rate": 1e-30}).model)
    first = weights(learn(**one).model) - start
    both = weights(learn(**one, epochs=2).model) - start
    stepped = weights(learn(**one, epochs=2, schedule="step").model) - start
    torch.testing.assert_close(stepped - first, (both - first) / 10, rtol=0, atol=1e-6)


def test_warmup_and_schedules_each_change_what_is_learnt(learn):
    curves = [
        tuple(learn(epochs=2, learning_rate=0.01, **recipe).curves["train/loss"])
        for recipe in (
            {},
            {"warmup": 1},
            {"schedule": "cosine"},
            {"schedule": "step"},
            {"schedule": "onecycle"},
        )
    ]
    assert len(set(curves)) == 5


def test_mean_squared_error_is_against_one_hot_labels():
    loss = recipes.training_loss(Recipe(loss="mse"))
    logits, labels = torch.tensor([[1.0, 3.0], [0.5, 0.0]]), torch.tensor([1, 0])
    assert loss(logits, labels).item() == pytest.approx((1 + 4 + 0.25 + 0) / 4)


def test_label_smoothing_by_hand():
    loss = recipes.training_loss(Recipe(label_smoothing=0.2))
    logits, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert loss(logits, labels).item() == pytest.approx(0.9 * right + 0.1 * wrong)


def test_reported_loss_is_not_smoothed():
    smoothed, plain = Recipe(label_smoothing=0.2), Recipe()
    assert recipes.evaluation_loss(smoothed) is recipes.evaluation_loss(plain)


def test_plain_loss_is_cross_entropy():
    logits, labels = (
        torch.randn(5, 3, generator=torch.Generator().manual_seed(0)),
        torch.arange(5) % 3,
    )
    found = recipes.training_loss(Recipe())(logits, labels)
    assert torch.equal(found, functional.cross_entropy(logits, labels))


@pytest.mark.parametrize(
    "recipe",
    [
        {"loss": "mse"},
        {"label_smoothing": 0.1},
        {"gradient_clip": 0.01, "optimizer": "sgd", "learning_rate": 0.1},
        {"precision": "bfloat16"},
        {"augmentation": "shift"},
        {"augmentation": "flip"},
        {"augmentation": "crop"},
        {"augmentation": "rotate"},
        {"weight_decay": 0.5},
        {"init": "kaiming"},
        {"init": "xavier_uniform"},
    ],
    ids=str,
)
def test_recipe_key_changes_the_weights_and_gives_the_same_bits_again(learn, recipe):
    plain = {key: value for key, value in recipe.items() if key in ("optimizer", "learning_rate")}
    changed, again = learn(**recipe), learn(**recipe)
    assert not torch.equal(weights(changed.model), weights(learn(**plain).model))
    assert torch.equal(weights(changed.model), weights(again.model))
    assert weights(changed.model).isfinite().all()


def test_gradient_clip_bounds_the_step_and_a_wide_one_changes_nothing(learn):
    sgd = {"optimizer": "sgd", "learning_rate": 1.0, "batch_size": 100}
    start = weights(learn(**{**sgd, "learning_rate": 1e-30}).model)
    clipped = weights(learn(**sgd, gradient_clip=0.01).model)
    assert (clipped - start).norm().item() == pytest.approx(0.01, rel=1e-3)
    free, wide = learn(**sgd), learn(**sgd, gradient_clip=1e6)
    assert torch.equal(weights(free.model), weights(wide.model))


def test_bfloat16_keeps_weights_in_float32_and_stays_near(learn):
    rough, exact = learn(precision="bfloat16"), learn()
    assert {parameter.dtype for parameter in rough.model.parameters()} == {torch.float32}
    assert rough.curves["train/loss"] == pytest.approx(exact.curves["train/loss"], rel=0.02)


@pytest.fixture
def torch_settings():
    """The caller's settings, unlike those of any recipe; put back after the test."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(mode=False)
    yield lambda: (
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
    )
    torch.set_float32_matmul_precision(before)
    torch.use_deterministic_algorithms(mode=False)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ({}, ("highest", True)),
        ({"deterministic": False}, ("highest", False)),
        ({"precision": "tf32"}, ("high", True)),
        ({"precision": "bfloat16"}, ("highest", True)),
    ],
    ids=str,
)
def test_recipe_sets_rounding_and_determinism_and_puts_them_back(
    learn, monkeypatch, torch_settings, recipe, expected
):
    during = []
    step = training.train_step

    def watched(program, inputs, labels):
        during.append(torch_settings())
        return step(program, inputs, labels)

    monkeypatch.setattr(training, "train_step", watched)
    learn(**recipe)
    assert set(during) == {expected}
    assert torch_settings() == ("medium", False)


def test_settings_are_put_back_when_training_fails(learn, monkeypatch, torch_settings):
    def failing(program, inputs, labels):
        raise RuntimeError("boom")

    monkeypatch.setattr(training, "train_step", failing)
    with pytest.raises(RuntimeError, match="boom"):
        learn()
    assert torch_settings() == ("medium", False)
