"""What a single value of a study may be, what it is when left out, and how values are compared."""

from __future__ import annotations

import math
import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ablations.probe_cards import ProbeSpec
from ablations.spec import DataSpec, EndpointSpec, Recipe, StudySpec, TuningSpec, canonical, changed
from ablations.study_file import parse_study


def problems(kind, **values):
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(values)
    return [(*error["loc"], error["msg"]) for error in caught.value.errors()]


def test_defaults_of_a_recipe_are_pinned_since_keys_leave_them_out():
    assert Recipe().model_dump() == {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "batch_size": 256,
        "epochs": 5,
        "schedule": "constant",
        "warmup": 0.0,
        "init": "default",
        "loss": "cross_entropy",
        "label_smoothing": 0.0,
        "augmentation": "none",
        "gradient_clip": None,
        "precision": "float32",
        "deterministic": True,
    }


def test_defaults_of_a_data_specification_are_pinned_since_keys_leave_them_out():
    assert DataSpec(name="digits").model_dump() == {
        "name": "digits",
        "subset": None,
        "validation": 0,
        "image_size": None,
        "normalise": "unit",
        "permutation": "none",
        "label_noise": 0.0,
    }


@pytest.mark.parametrize("text", ["1e-3", "0.001", "1.0E-3"])
def test_number_that_yaml_reads_as_text_becomes_the_number(text):
    assert Recipe(learning_rate=text).learning_rate == 0.001


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_momentum_is_refused_where_it_would_be_ignored(optimizer):
    told = problems(Recipe, optimizer=optimizer, momentum=0.9)
    assert told == [
        (f"Value error, momentum is used by sgd only, got optimizer {optimizer!r}",),
    ]
    assert Recipe(optimizer="sgd", momentum=0.9).momentum == 0.9


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"loss": "mse", "label_smoothing": 0.1},
            "label_smoothing needs cross_entropy, got loss 'mse'",
        ),
        ({"schedule": "onecycle", "warmup": 1}, "warmup is part of onecycle already; leave it out"),
        ({"epochs": 2, "warmup": 2}, "warmup must be below epochs (2), got 2.0"),
    ],
)
def test_recipe_refuses_what_it_would_ignore(values, text):
    assert problems(Recipe, **values) == [(f"Value error, {text}",)]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Recipe, {"epochs": True}),
        (Recipe, {"learning_rate": True}),
        (DataSpec, {"name": "digits", "subset": True}),
        (EndpointSpec, {"margin": True}),
    ],
)
def test_true_is_not_the_number_one(kind, values):
    key = list(values)[-1]
    assert problems(kind, **values) == [
        (key, "Value error, must not be true or false, got True"),
    ]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(number):
    assert problems(Recipe, weight_decay=number)
    assert problems(EndpointSpec, margin=number)


@pytest.mark.parametrize("word", ["none", "fixed", "blocks-1", "blocks-12"])
def test_permutation_takes_its_words(word):
    assert DataSpec(name="digits", permutation=word).permutation == word


@pytest.mark.parametrize("word", ["blocks-0", "blocks-", "blocks-1x", "fixed\n", "None"])
def test_permutation_refuses_other_words(word):
    assert problems(DataSpec, name="digits", permutation=word)


@pytest.mark.parametrize(
    ("values", "direction"),
    [
        ({"metric": "test/loss"}, "minimize"),
        ({"metric": "test/accuracy"}, "maximize"),
        ({"metric": "test/loss", "direction": "maximize"}, "maximize"),
        ({}, "maximize"),
    ],
)
def test_a_loss_is_minimised_unless_the_study_says_otherwise(values, direction):
    assert EndpointSpec(margin=0.1, **values).direction == direction


def test_the_margin_has_no_default():
    assert problems(EndpointSpec) == [("margin", "Field required")]


@pytest.mark.parametrize(
    ("changes", "split"),
    [
        ({}, "train"),
        ({"dataset": {"name": "digits", "validation": 50}}, "validation"),
        ({"dataset": {"name": "digits", "validation": 50}, "curves": "train"}, "train"),
        ({"curves": "test"}, "test"),
    ],
)
def test_curve_is_of_the_validation_split_if_there_is_one(study, changes, split):
    assert study(**changes).curve_split == split


def test_a_probe_with_an_own_sample_is_written_as_it_was_read(study):
    raw = ["images", {"shift": {"n_images": 50}}]
    spec = study(probes=raw)
    assert spec.probe("shift") == ProbeSpec("shift", 50)
    assert spec.probe("image_size") is None
    assert spec.model_dump(mode="json")["probes"] == raw


def test_changed_checks_the_change_and_keeps_the_rest():
    base = Recipe(epochs=7, optimizer="sgd", momentum=0.9)
    assert changed(base, {"epochs": "3"}) == Recipe(epochs=3, optimizer="sgd", momentum=0.9)
    assert base.epochs == 7
    with pytest.raises(ValidationError, match="momentum is used by sgd only"):
        changed(base, {"optimizer": "adam"})


def test_specs_cannot_be_changed_in_place():
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().epochs = 3


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_canonical_leaves_what_json_holds_as_it_is(value):
    assert canonical(value) == value


def test_canonical_makes_tuples_lists_and_keys_text():
    assert canonical({1: (1, (2.0, "a"))}) == {"1": [1, [2.0, "a"]]}


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_canonical_refuses_what_json_cannot_hold(number):
    with pytest.raises(ValueError, match=f"{number!r} has no place in JSON"):
        canonical({"a": [number]})


def test_a_tuned_study_reads_again_as_it_was_written(study):
    space = {
        "learning_rate": {"low": "1e-4", "high": 0.1, "log": True},
        "batch_size": ["32", 64],
        "epochs": {"low": 1, "high": 5, "step": 2},
    }
    made = study(tuning={"trials": 8, "space": space, "validation": 20})
    again = StudySpec.model_validate(made.model_dump(mode="json", exclude_unset=True))
    assert again == made
    assert made.tuning.space["batch_size"].values == (32, 64)


def test_a_search_tunes_on_its_own_images_or_on_those_the_study_keeps_out(study):
    search = {"trials": 2, "space": {"learning_rate": [0.1, 1]}}
    split = {"name": "digits", "subset": 100, "validation": 30}
    assert study(tuning={**search, "validation": 20}).tuning_validation == 20
    assert study(tuning=search, dataset=split).tuning_validation == 30
    assert study(tuning={**search, "validation": 20}, dataset=split).tuning_validation == 20


def test_a_grid_has_as_many_trials_as_cells(study):
    search = {"sampler": "grid", "space": {"learning_rate": [0.1, 1], "batch_size": [8, 16, 32]}}
    assert study(tuning={**search, "validation": 20}).tuning.n_trials == 6


@pytest.mark.parametrize("given", [3, [2, 5], {"looks": [3, 6]}])
def test_seeds_are_written_back_so_that_they_read_the_same(raw_study, given):
    spec = parse_study(raw_study(seeds=given))
    for dump in (spec.model_dump(mode="json"), spec.model_dump(mode="json", exclude_unset=True)):
        assert parse_study(dump) == spec


def test_the_template_has_every_key():
    template = (files("ablations") / "templates/study.yaml").read_text(encoding="utf-8")
    for model in (StudySpec, Recipe, DataSpec, EndpointSpec, TuningSpec):
        for name, field in model.model_fields.items():
            assert re.search(rf"\b{field.alias or name}:", template), name
