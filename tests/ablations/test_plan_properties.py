"""What holds of every plan, whatever the factors, the design and the spelling."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ablations.arms import DataFacts
from ablations.cli.listings import plan_json
from ablations.differences import Comparison
from ablations.errors import SpecError
from ablations.plan import make_plan
from ablations.spec import DataSpec, Recipe
from ablations.study_file import parse_study
from lenet_variants import catalogue, measure

FACTS = DataFacts("a digest", 1438, (1, 8, 8), 10, lambda _: [])
CONTROL = {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}}
OWN = {
    "activation": "sigmoid",
    "pooling": "max",
    "channels": [6, 16],
    "norm": "none",
    "recipe.learning_rate": 0.01,
    "recipe.epochs": 1,
    "dataset.label_noise": 0.0,
}
OTHERS = {
    "activation": ["relu", "tanh", "gelu"],
    "pooling": ["avg", "l2", "none"],
    "channels": [[3, 8], [12, 32]],
    "norm": ["batch", "group"],
    "recipe.learning_rate": [0.1, 1e-05],
    "recipe.epochs": [2, 3],
    "dataset.label_noise": [0.1, 0.5],
}


@cache
def counted(name, levels, input_shape, n_classes):
    return measure.layers(name, json.loads(levels), input_shape, n_classes)


def layers(name, levels, input_shape, n_classes):
    """`measure.layers`, once for each network in all examples."""
    return counted(name, json.dumps(levels), input_shape, n_classes)


NETWORKS = SimpleNamespace(layers=layers, match=measure.match, n_activations=measure.n_activations)


def planned(study):
    spec = parse_study(study)
    facts = {one.name: replace(FACTS, digest=one.name) for one in spec.datasets}
    return make_plan(spec, facts, NETWORKS)


def keys(study):
    return [run.run_key for run in planned(study).runs]


@st.composite
def factors(draw, own=None, most=3):
    """Some factors with some of their levels, the control's own among them or not."""
    names = draw(st.lists(st.sampled_from(sorted(OWN)), min_size=1, max_size=most, unique=True))
    found = {}
    for name in names:
        others = st.lists(
            *(st.sampled_from(OTHERS[name]),), min_size=1, max_size=2, unique_by=json.dumps
        )
        has_own = draw(st.booleans()) if own is None else own
        levels = ([OWN[name]] if has_own else []) + draw(others)
        found[name] = draw(st.permutations(levels))
    return found


def study(varied, design="grid", **changes):
    return {
        "study": "example",
        "dataset": {"name": "digits", "subset": 100},
        "control": CONTROL,
        "design": design,
        "factors": varied,
        "seeds": [0, 1],
        "recipe": {"epochs": 1, "learning_rate": 0.01, "batch_size": 32},
        "endpoint": {"metric": "test/accuracy", "margin": 0.02},
        **changes,
    }


@st.composite
def studies(draw):
    """Any design over any factors it takes, on one data set or two."""
    designs = ["grid", "one-factor", "pairs", "zip", "leave-one-out", "add-one-in", "arms"]
    design = draw(st.sampled_from(designs))
    varied = draw(factors())
    changes = {}
    if design == "zip":
        shortest = min(map(len, varied.values()))
        varied = {name: levels[:shortest] for name, levels in varied.items()}
    if design == "arms" or draw(st.booleans()):
        changes["arms"] = [{"name": "net", "variant": "mlp"}]
    if design == "arms":
        varied = {}
    if design in ("leave-one-out", "add-one-in"):
        varied = {
            name: [next(level for level in levels if level != OWN[name])]
            for name, levels in varied.items()
        }
    if design == "add-one-in":
        changes["ladder"] = draw(st.permutations(list(varied)))
    moved = [name for name, levels in varied.items() if any(one != OWN[name] for one in levels)]
    assume(moved or not varied)  # a shortened zip may come to the control alone
    if moved and draw(st.booleans()):
        factor = draw(st.sampled_from(moved))
        level = next(level for level in varied[factor] if level != OWN[factor])
        changes["overrides"] = [{"match": {factor: level}, "recipe": {"batch_size": 16}}]
    more = [{"name": "mnist"}] if draw(st.booleans()) else []
    seeds = draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True))
    return study(varied, design, dataset=[{"name": "digits"}, *more], seeds=seeds, **changes)


@settings(deadline=None, max_examples=60)
@given(studies())
def test_arms_are_unique_and_the_control_is_there_first(made):
    plan = planned(made)
    for label in ("", " on digits", " on mnist"):
        named = [arm for arm in plan.arms if arm.control == f"control{label}"]
        assert all(arm.name.endswith(label) for arm in named)
        if named:
            assert named[0].name == f"control{label}"
            assert named[0].changes == {}
    names, found = [arm.name for arm in plan.arms], [run.run_key for run in plan.runs]
    assert len(set(names)) == len(names)
    assert len({(run.arm, run.seed) for run in plan.runs}) == len(plan.runs) == len(found)
    assert len(set(found)) == len(found)


@settings(deadline=None, max_examples=60)
@given(factors())
def test_a_one_factor_arm_differs_from_the_control_in_one_factor(varied):
    plan = planned(study(varied, "one-factor"))
    expected = sum(level != OWN[name] for name, levels in varied.items() for level in levels)
    assert len(plan.arms) == 1 + expected
    control = plan.arms[0].to_dict()
    for arm in plan.arms[1:]:
        (factor,) = arm.changes
        other = arm.to_dict()
        assert factor in varied
        differing = [
            f"{part}.{key}" if part != "levels" else key
            for part in ("levels", "recipe", "dataset")
            for key in other[part]
            if other[part][key] != control[part][key]
        ]
        assert differing == [factor]


@settings(deadline=None, max_examples=60)
@given(factors(), st.data())
def test_a_grid_has_the_size_of_the_product_less_what_is_excluded(varied, data):
    cells = math.prod(len(levels) for levels in varied.values())
    whole = all(OWN[name] in levels for name, levels in varied.items())
    plan = planned(study(varied))
    assert len(plan.arms) == cells + (not whole)
    others = {
        name: [level for level in levels if level != OWN[name]] for name, levels in varied.items()
    }
    rule = {name: data.draw(st.sampled_from(levels)) for name, levels in others.items()}
    first = next(iter(rule))
    excluded = {1: rule, cells // len(varied[first]): {first: rule[first]}}
    for struck, one in excluded.items():
        if len(plan.arms) - struck > 1:
            assert len(planned(study(varied, exclude=[one])).arms) == len(plan.arms) - struck
        else:
            with pytest.raises(SpecError, match="leave no arm of the design but the control"):
                planned(study(varied, exclude=[one]))


@settings(deadline=None, max_examples=60)
@given(studies(), st.data())
def test_keys_do_not_depend_on_order_names_or_spelling(made, data):
    plain = keys(made)
    shuffled = {
        name: data.draw(st.permutations(levels)) for name, levels in made["factors"].items()
    }
    order = data.draw(st.permutations(sorted(shuffled)))
    if made["design"] != "zip":  # whose levels go together by their place
        assert set(keys({**made, "factors": {name: shuffled[name] for name in order}})) == set(
            plain
        )
    named = {**made, "study": "another", "question": "why?", "probes": ["shift"]}
    assert keys(dict(data.draw(st.permutations(list(named.items()))))) == plain
    written = {
        **made,
        "recipe": {**Recipe().model_dump(), **made["recipe"], "learning_rate": "1e-2"},
        "dataset": [
            {**DataSpec(name="-").model_dump(), **one, "subset": FACTS.n_train}
            for one in made["dataset"]
        ],
        "control": {
            "variant": "lenet",
            "levels": {**plain_levels(), "kernel_size": 3.0, "padding": [1, 1]},
        },
        "root_seed": 0,
        "curves": "train",
    }
    assert keys(written) == plain


def plain_levels():
    """Every level of the LeNet, as a file would write it out."""
    card = catalogue.find("lenet")
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in card.resolve({}).items()
    }


@settings(deadline=None, max_examples=60)
@given(studies(), st.integers(10, 19))
def test_a_seed_more_adds_exactly_its_runs(made, seed):
    before, after = planned(made), planned({**made, "seeds": [*made["seeds"], seed]})
    assert {run.run_key for run in before.runs} < {run.run_key for run in after.runs}
    added = after.runs[len(before.runs) :]
    assert [run.run_key for run in after.runs[: len(before.runs)]] == [
        run.run_key for run in before.runs
    ]
    assert {run.seed for run in added} == {seed}
    assert [run.arm for run in added] == [run.arm for run in before.runs[: len(added)]]


@settings(deadline=None, max_examples=60)
@given(factors(own=True), st.sampled_from(["grid", "one-factor", "pairs"]))
def test_a_level_more_adds_exactly_the_runs_with_it(varied, design):
    name, level = next(iter(varied)), "silu"
    varied = {**varied, "activation": varied.get("activation", ["sigmoid"])}
    more = {**varied, "activation": [*varied["activation"], level]}
    before, after = planned(study(varied, design)), planned(study(more, design))
    old = {run.run_key for run in before.runs}
    new = {run.run_key: run for run in after.runs}
    assert name
    assert old < new.keys()
    assert {run.levels["activation"] for key, run in new.items() if key not in old} == {level}


@settings(deadline=None, max_examples=40)
@given(studies())
def test_reading_what_a_plan_prints_gives_the_same_plan(made):
    plan = planned(made)
    states = {run.run_key: "new" for run in plan.runs}
    printed = json.loads(json.dumps(plan_json(plan, states, Comparison({}, ()))))
    again = planned(yaml.safe_load(json.dumps(printed["spec"])))
    assert again.to_dict() == plan.to_dict()
    assert [run["run_key"] for run in printed["runs"]] == [run.run_key for run in plan.runs]


def test_runs_of_several_hundred_arms_are_planned_at_once():
    """All the levels of seven factors: no property above is of small designs alone."""
    varied = {name: [OWN[name], *levels] for name, levels in OTHERS.items()}
    plan = planned(study({name: varied[name] for name in sorted(varied)[:5]}))
    assert len(plan.arms) == math.prod(len(varied[name]) for name in sorted(varied)[:5])
    assert len({arm.arm_key for arm in plan.arms}) == len(plan.arms)


@pytest.mark.parametrize("design", ["leave-one-out", "add-one-in"])
def test_switching_designs_switch_each_part_alone(design):
    varied = {name: levels[:1] for name, levels in OTHERS.items()}
    plan = planned(study(varied, design))
    assert [list(arm.changes) for arm in plan.arms] == [[], *([name] for name in varied)]
