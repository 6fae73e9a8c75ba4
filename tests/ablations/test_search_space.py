from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ablations.search_space import Axis, Space, cells, corners, fitted
from ablations.spec import Recipe

LOG = Axis(low=0.001, high=1.0, log=True)


def read(**space):
    return TypeAdapter(Space).validate_python(space)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"low": 1}, "needs low and high, or a list of values"),
        ({}, "needs low and high, or a list of values"),
        ({"low": 2, "high": 1}, "low must be below high, got 2.0 and 1.0"),
        ({"low": 0, "high": 1, "log": True}, "a logarithmic scale needs low > 0, got 0.0"),
        ({"low": 1, "high": 2, "log": True, "step": 1}, "step is of an even scale, got log: true"),
        ({"values": [1], "low": 1}, "takes a list of values or low and high, got both"),
        ([1, 1], r"names a value twice: \[1, 1\]"),
        ([], "at least 1 item"),
        ({"low": 1, "high": 2, "stpe": 1}, "Extra inputs"),
    ],
)
def test_an_axis_that_says_nothing_sound_is_refused(raw, problem):
    with pytest.raises(ValidationError, match=problem):
        read(learning_rate=raw)


def test_values_become_what_a_recipe_has():
    space = fitted(
        read(
            learning_rate={"low": "1e-4", "high": 0.1, "log": True},
            batch_size=["32", 64.0],
            gradient_clip=[None, 1],
        ),
        Recipe,
    )
    assert space["learning_rate"].ends == (1e-4, 0.1)
    assert [type(one) for one in space["batch_size"].values] == [int, int]
    assert space["gradient_clip"].values == (None, 1.0)


def test_every_key_and_value_that_no_recipe_takes_is_named():
    space = read(learning_rte=[1], batch_size={"low": 1.5, "high": 8}, optimizer=["sgd", "lion"])
    with pytest.raises(ValueError, match=r"unknown key 'learning_rte'.*did you mean") as caught:
        fitted(space, Recipe)
    assert "batch_size: 1.5 will not do: must be a whole number" in str(caught.value)
    assert "optimizer: 'lion' will not do: must be one of 'sgd', 'adam' or 'adamw'" in str(
        caught.value
    )


def test_cells_are_every_combination_in_the_order_of_the_file():
    space = read(batch_size=[32, 64], learning_rate=[0.1, 1.0])
    assert cells(space) == [
        {"batch_size": 32, "learning_rate": 0.1},
        {"batch_size": 32, "learning_rate": 1.0},
        {"batch_size": 64, "learning_rate": 0.1},
        {"batch_size": 64, "learning_rate": 1.0},
    ]


def test_corners_hold_every_end_beside_the_ends_of_the_others():
    space = read(momentum=[0.0, 0.9], learning_rate={"low": 0.1, "high": 1})
    found = corners(space)
    assert {"momentum": 0.9, "learning_rate": 0.1} in found
    assert {"momentum": 0.0, "learning_rate": 1.0} in found
    assert {value["learning_rate"] for value in found} == {0.1, 1.0}


@pytest.mark.parametrize(
    ("axis", "value", "side"),
    [
        (LOG, 0.0011, "low"),
        (LOG, 0.9, "high"),
        (LOG, 0.03, None),
        (LOG, 0.5, None),  # high on an even scale, not on this one
        (Axis(low=0, high=1), 0.5, None),
        (Axis(low=0, high=1), 0.96, "high"),
        (Axis(values=(64, 32, 128)), 32, "low"),
        (Axis(values=(64, 32, 128)), 64, None),
        (Axis(values=(64, 32, 128)), 128, "high"),
        (Axis(values=(64,)), 64, None),
        (Axis(values=("sgd", "adam")), "adam", None),
        (Axis(values=(None, 1.0)), None, None),
        (Axis(values=(False, True)), True, None),
    ],
)
def test_what_lies_on_an_edge(axis, value, side):
    assert axis.edge(value) == side


def test_an_axis_reads_again_as_it_was_written():
    space = fitted(read(learning_rate={"low": 0.1, "high": 1}, batch_size=[32]), Recipe)
    written = {key: axis.model_dump(exclude_unset=True) for key, axis in space.items()}
    assert fitted(read(**written), Recipe) == space


def test_an_axis_ends_where_its_last_step_does():
    space = read(batch_size={"low": 16, "high": 70, "step": 16})
    axis = fitted(space, Recipe)["batch_size"]
    assert axis.ends == (16, 64)
    assert axis.edge(64) == "high"


@pytest.mark.parametrize(
    ("step", "problem"),
    [(0.5, "must be its step: 0.5"), (1.5, "must be its step: 1.5"), (99, "beyond high at once")],
)
def test_a_step_that_no_key_can_take_is_refused(step, problem):
    with pytest.raises(ValueError, match=problem):
        fitted(read(batch_size={"low": 1, "high": 64, "step": step}), Recipe)


def test_lists_alone_are_asked_in_every_combination():
    space = read(epochs=[10, 2, 5], warmup=[0.0, 3.0, 1.0])
    assert {"epochs": 2, "warmup": 3.0} in corners(space)
    assert len(corners(space)) == 9
