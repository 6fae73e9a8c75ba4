"""Plans: which runs a study needs, what they are called, and what the store says of them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations import record
from ablations.arms import DataFacts
from ablations.plan import make_plan, newest, run_states
from ablations.record import RunState, StoredRun
from ablations.study_file import parse_study
from lenet_variants import catalogue, measure

SGD = {"optimizer": "sgd", "learning_rate": 0.1}
SPLIT = {"name": "digits", "validation": 100}


@pytest.fixture
def run_key(run):
    return lambda *args, **changes: run(*args, **changes).run_key


def keys(made):
    return {item.run_key for item in made.runs}


@pytest.mark.parametrize(
    "recipe",
    [
        {"optimizer": "adamw"},
        {"learning_rate": 0.002},
        {**SGD, "momentum": 0.9},
        {"weight_decay": 0.1},
        {"batch_size": 33},
        {"epochs": 2},
        {"schedule": "cosine"},
        {"warmup": 0.5},
        {"init": "kaiming"},
        {"loss": "mse"},
        {"label_smoothing": 0.1},
        {"augmentation": "shift"},
        {"gradient_clip": 1.0},
        {"precision": "bfloat16"},
        {"deterministic": False},
    ],
    ids=",".join,
)
def test_every_recipe_key_enters_the_run_key(run_key, recipe):
    base = {"epochs": 1, "batch_size": 32}
    without = {name: value for name, value in recipe.items() if name in SGD and len(recipe) > 1}
    assert run_key(recipe={**base, **recipe}) != run_key(recipe={**base, **without})


@pytest.mark.parametrize(
    "dataset",
    [
        {"subset": 200},
        {"validation": 50},
        {"image_size": [9, 8]},
        {"normalise": "standard"},
        {"permutation": "fixed"},
        {"permutation": "blocks-2"},
        {"label_noise": 0.1},
    ],
    ids=str,
)
def test_every_dataset_key_enters_the_run_key(run_key, dataset):
    assert run_key(dataset={"name": "digits", **dataset}) != run_key(dataset="digits")


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"root_seed": 1},
        {"curves": "test"},
        {"control": "mlp"},
        {"control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 2}}},
    ],
    ids=str,
)
def test_seed_root_seed_network_and_test_curves_enter_the_run_key(run_key, changes):
    assert run_key(**changes) != run_key()


def test_curves_that_leave_the_test_images_alone_do_not_enter_the_run_key(run_key):
    assert run_key(curves="train") == run_key()
    split = [run_key(dataset=SPLIT, curves=curves) for curves in (None, "train", "validation")]
    assert len(set(split)) == 1
    assert run_key(dataset=SPLIT, curves="test") not in split


@pytest.mark.parametrize(
    "changes",
    [
        {"study": "another", "question": "what?"},
        {"endpoint": {"metric": "test/loss", "margin": 1}},
        {"probes": ["shift", "image_size"]},
        {"root_seed": 0},
        {"recipe": {"batch_size": 32, "epochs": 1, "learning_rate": "1e-3", "optimizer": "adam"}},
        {"dataset": {"subset": 100, "validation": 0, "name": "digits", "permutation": "none"}},
    ],
    ids=str,
)
def test_names_probes_order_and_defaults_stay_out_of_the_run_key(run_key, changes):
    assert run_key(**changes) == run_key()


def test_content_of_the_data_enters_the_run_key_and_its_name_does_not(raw_study):
    def key(digest, name):
        facts = DataFacts(digest, 1438, (1, 8, 8), 10, lambda _: [])
        return (
            make_plan(parse_study(raw_study(dataset=name)), {name: facts}, measure).runs[0].run_key
        )

    assert key("aa", "digits") == key("aa", "npz:digits.npz") != key("bb", "digits")


@pytest.mark.parametrize("number", ["KEY_SCHEMA", "TRAINING_REVISION"])
def test_raising_a_revision_moves_every_key(plan, monkeypatch, number):
    before = keys(plan())
    monkeypatch.setattr(f"ablations.record.{number}", getattr(record, number) + 1)
    assert not keys(plan()) & before


@pytest.fixture
def raised_mlp():
    usual = catalogue.find("mlp")
    yield lambda: catalogue.add(replace(usual, revision=usual.revision + 1))
    catalogue.add(usual)


def test_raising_a_familys_revision_moves_its_keys_and_no_others(plan, raised_mlp):
    before = plan(arms=["mlp"])
    raised_mlp()
    moved = {item.arm for item in plan(arms=["mlp"]).runs if item.run_key not in keys(before)}
    assert moved == {"mlp"}


def test_run_key_is_pinned(run_key):
    # If this fails, every stored run is lost to its study: move it only with a revision or schema.
    assert run_key() == "ceb3eb0c3de435ae56eff3dd8eea13726b4c24ffc4b0d7f4e613d8a831d5cf9c"


def test_run_keys_are_distinct_over_arms_and_seeds(plan):
    made = plan(design="grid", factors={"activation": ["relu"], "pooling": ["avg"]}, seeds=3)
    assert len(keys(made)) == len(made.runs) == 6


@settings(deadline=None, max_examples=20)
@given(st.sets(st.integers(0, 50), min_size=1, max_size=4), st.integers(51, 99))
def test_adding_a_seed_adds_exactly_its_runs(plan, seeds, new):
    before, after = plan(seeds=sorted(seeds)), plan(seeds=[new, *sorted(seeds)])
    assert keys(before) < keys(after)
    added = [item for item in after.runs if item.run_key not in keys(before)]
    assert {item.seed for item in added} == {new}
    assert len(added) == len(after.arms)


@pytest.mark.parametrize("design", ["one-factor", "grid"])
def test_adding_a_level_adds_exactly_the_runs_with_it(plan, design):
    few = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}
    more = {**few, "activation": ["sigmoid", "tanh", "relu"]}
    before, after = (plan(design=design, factors=factors) for factors in (few, more))
    added = [item for item in after.runs if item.run_key not in keys(before)]
    assert keys(before) < keys(after)
    assert {item.levels["activation"] for item in added} == {"tanh"}
    assert len(added) == (2 if design == "grid" else 1) * 2


def test_runs_are_seed_major_and_the_dearest_come_first(plan):
    arms = ["softmax", {"name": "long", "variant": "softmax", "recipe": {"epochs": 9000}}, "mlp"]
    made = plan(seeds=[7, 3], arms=arms)
    assert [item.seed for item in made.runs] == [7] * 5 + [3] * 5
    for seed in (7, 3):
        block = [item for item in made.runs if item.seed == seed]
        costs = [item.n_macs * item.recipe.epochs for item in block]
        assert costs == sorted(costs, reverse=True)
        assert block[0].arm == "long"
        assert block[-1].arm == "softmax"


def test_contrasts_are_every_arm_minus_the_control(plan):
    made = plan(arms=["mlp"])
    assert made.contrasts == [
        {
            "name": f"{arm} - control",
            "arm": arm,
            "control": "control",
            "comparison": "shared",
        }
        for arm in ("activation=relu", "mlp")
    ]


def test_study_of_the_control_alone_has_no_contrasts(plan):
    made = plan(design="arms", factors={})
    assert made.contrasts == []
    assert len(made.runs) == 2


def test_run_carries_what_its_arm_is(plan):
    made = plan(factors={"recipe.epochs": [4]}, root_seed=5, curves="test")
    item = next(item for item in made.runs if item.arm != "control")
    arm = made.arm(item.arm)
    for name in ("variant", "levels", "recipe", "dataset", "input_shape", "n_parameters"):
        assert getattr(item, name) == getattr(arm, name)
    assert (item.recipe.epochs, item.root_seed, item.curves) == (4, 5, "test")


def test_plan_and_runs_are_plain_json(plan):
    made = plan(arms=["mlp-matched"], factors={"channels": [[3, 8]]}, probes=["image_size"])
    for plain in (made.to_dict(), *(item.to_dict() for item in made.runs)):
        assert json.loads(json.dumps(plain)) == plain


def test_plan_dict_names_every_run_and_its_own_digest(plan):
    made = plan()
    plain = made.to_dict()
    assert plain["digest"] == made.digest
    assert [item["run_key"] for item in plain["runs"]] == [item.run_key for item in made.runs]
    assert [arm["name"] for arm in plain["arms"]] == ["control", "activation=relu"]


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "what?"},
        {"endpoint": {"metric": "test/accuracy", "margin": 0.03}},
        {"seeds": [0, 1, 2]},
        {"seeds": [1, 0]},
        {"curves": "test"},
        {"probes": ["shift"]},
        {"arms": ["mlp"]},
        {"recipe": {"epochs": 2, "batch_size": 32}},
    ],
    ids=str,
)
def test_plan_digest_moves_with_all_that_decides_the_report(plan, changes):
    assert plan().digest == plan().digest != plan(**changes).digest


def stored(run_key, state, *, env="here", attempt=1, study="example"):
    return StoredRun("id", study, run_key, env, attempt, RunState(state))


HELD_HERE = {
    "FINISHED": "done",
    "DIVERGED": "diverged",
    "INTERRUPTED": "new",
    "OOM": "failed",
    "KILLED": "failed",
    "TIMEOUT": "failed",
    "FAILED": "failed",
}


@pytest.fixture
def state_of(plan):
    made = plan(seeds=[0])
    key = made.runs[0].run_key

    def state(*held, env="here"):
        rows = [stored(key, *row[:1], **dict(row[1:])) for row in held]
        return run_states({key: env}, rows)[key]

    return state


@pytest.mark.parametrize(("state", "shown"), HELD_HERE.items())
def test_state_of_a_run_held_here(state_of, state, shown):
    assert state_of((state,)) == shown


def test_states_of_the_table_are_all_there_are():
    assert set(HELD_HERE) == {state.value for state in RunState}


@pytest.mark.parametrize(("state", "shown"), HELD_HERE.items())
def test_outcome_from_elsewhere_is_shown_and_its_failures_are_not(state_of, state, shown):
    expected = "elsewhere" if shown in ("done", "diverged") else "new"
    assert state_of((state, ("env", "there"))) == expected


def test_run_that_nothing_holds_is_new(state_of):
    assert state_of() == "new"


def test_what_is_held_here_outweighs_elsewhere(state_of):
    there = ("FINISHED", ("env", "there"), ("attempt", 9))
    assert state_of(("FAILED",), there) == "failed"


@pytest.mark.parametrize(("old", "new"), list(product(HELD_HERE, HELD_HERE)))
def test_newest_attempt_counts_whatever_the_order_of_rows(state_of, old, new):
    rows = [(old, ("attempt", 1)), (new, ("attempt", 2))]
    # An interrupted attempt says nothing: what was an outcome stays one.
    counts = old if new == "INTERRUPTED" and RunState(old).is_outcome else new
    assert state_of(*rows) == state_of(*rows[::-1]) == HELD_HERE[counts]


def test_runs_of_other_studies_count_and_other_keys_do_not(plan, state_of):
    made = plan()
    first, *others = (item.run_key for item in made.runs)
    here = dict.fromkeys((first, *others), "here")
    states = run_states(here, [stored(first, "FINISHED", study="another")])
    assert states == {first: "done", **dict.fromkeys(others, "new")}


def test_environment_is_asked_for_every_run(plan):
    made = plan(factors={"recipe.precision": ["bfloat16"]}, seeds=[0])
    held = [stored(item.run_key, "FINISHED", env="float32") for item in made.runs]
    states = run_states({item.run_key: item.recipe.precision for item in made.runs}, held)
    assert sorted(states.values()) == ["done", "elsewhere"]


def test_newest_is_the_highest_attempt_of_that_key_and_environment():
    rows = [
        stored("a", "FAILED", attempt=2),
        stored("a", "FINISHED", attempt=3),
        stored("a", "FINISHED", attempt=4, env="there"),
        stored("b", "FINISHED", attempt=5),
    ]
    assert newest(rows, "a", "here") is rows[1]
    assert newest(rows, "c", "here") is None


DESIGNED = [
    {"design": "grid"},
    {"design": "grid", "exclude": [{"activation": "relu", "pooling": "avg"}]},
    {"design": "grid", "require": [{"pooling": "avg"}]},
    {"design": "one-factor", "arms": ["softmax", {"name": "m", "variant": "mlp-matched"}]},
    {"design": "pairs"},
    {"design": "zip"},
    {"design": "leave-one-out"},
    {"design": "add-one-in", "ladder": ["pooling", "activation"]},
    {
        "design": "one-factor",
        "overrides": [{"match": {"activation": "relu"}, "recipe": {"learning_rate": "1e-2"}}],
    },
]
FACTORS = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}


@pytest.mark.parametrize("changes", DESIGNED, ids=str)
def test_what_a_plan_says_of_itself_gives_the_same_plan(plan, raw_study, changes):
    made = plan(factors=FACTORS, **changes)
    said = json.loads(json.dumps(made.spec.model_dump(mode="json", exclude_unset=True)))
    extra = {key: said.get(key, raw_study()[key]) for key in raw_study()}
    again = plan(**{**said, **extra})
    assert again.to_dict() == made.to_dict()


@pytest.mark.parametrize("changes", DESIGNED, ids=str)
def test_order_of_factors_and_of_keys_moves_no_run(plan, changes):
    made = plan(factors=FACTORS, **changes)
    turned = plan(factors=dict(reversed(FACTORS.items())), **dict(reversed(changes.items())))
    assert keys(made) == keys(turned)


@pytest.mark.parametrize("changes", DESIGNED, ids=str)
def test_the_matrix_has_every_cell_with_every_level(plan, changes):
    made = plan(factors=FACTORS, **changes)
    listed = {arm.name for arm in made.spec.arms}
    assert [row["arm"] for row in made.matrix] == [
        arm.name for arm in made.arms if arm.name not in listed
    ]
    assert made.matrix[0] == {
        "arm": "control",
        "levels": {"activation": "sigmoid", "pooling": "max"},
    }
    rows = [tuple(row["levels"].values()) for row in made.matrix]
    assert len(set(rows)) == len(rows)
    assert made.to_dict()["matrix"] == made.matrix


def test_rules_are_stored_with_the_plan_where_there_are_any(plan):
    rule = {"exclude": [{"activation": "relu", "pooling": "avg"}]}
    assert plan(design="grid", factors=FACTORS, **rule).to_dict()["exclude"] == rule["exclude"]
    assert not {"exclude", "require", "ladder", "overrides"} & plan().to_dict().keys()
