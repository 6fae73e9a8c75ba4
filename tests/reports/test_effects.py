"""The effects section of whole studies: numbers, what they rest on, and why there are none."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from ablations.designs import DESIGNS, cell_name
from reports.analysis import analyse
from reports.plan import AnalysisPlan, ArmFacts, ContrastSpec, Endpoint
from reports.statistics.factorial import anova

CONTROL = {"activation": "sigmoid", "pooling": "max", "channels": [6, 16]}
FACTORS = {
    "activation": ["relu", "sigmoid"],
    "pooling": ["max", "avg"],
    "channels": [[3, 8], [6, 16], [12, 32]],
}
JITTER = [0.0, 0.001, -0.001, 0.002, -0.002]


def truth(levels, seed):
    """relu 0.1, with avg half of it; 0.01 a doubling; seeds move all cells, and each a bit."""
    relu, avg = levels["activation"] == "relu", levels["pooling"] == "avg"
    doublings = np.log2(sum(levels["channels"]) / 22)
    jitter = JITTER[seed] * (1 + relu - 0.5 * avg + (0.3 + relu * avg) * doublings + relu * avg)
    return 0.7 + 0.1 * relu - 0.05 * relu * avg + 0.01 * doublings + 0.02 * seed + jitter


@pytest.fixture
def study(make_plan):
    """A study of a design: its plan, and its run table as `collect` gives it."""

    def made(names=("activation", "pooling"), design="grid", factors=None, values=truth, **more):
        factors = factors or {name: FACTORS[name] for name in names}
        own = {name: CONTROL[name] for name in factors}
        cells = DESIGNS[design](factors, own)
        facts = tuple(
            ArmFacts(
                cell_name(cell),
                variant="lenet",
                dataset={"name": "made", "n_classes": 10},
                levels=CONTROL | cell,
                changes=cell,
            )
            for cell in cells
        )
        arms = [one.name for one in facts]
        runs = pd.DataFrame(
            {
                "run_key": f"{one.name}/{seed}",
                "arm": one.name,
                "seed": seed,
                "state": "FINISHED",
                "test/accuracy": values(one.levels, seed),
            }
            for one in facts
            for seed in range(5)
        )
        plan = make_plan(arms, arms=facts, design=design, **more)
        return replace(plan, factors=factors), runs

    return made


def codes(messages):
    return [one.code for one in messages if one.code.startswith("effects_")]


def by(entries, **wanted):
    (found,) = (one for one in entries if all(one[k] == v for k, v in wanted.items()))
    return found


def test_a_grid_has_one_entry_with_the_control_as_reference(study):
    plan, runs = study(names=("activation", "pooling", "channels"))
    (entry,) = analyse(runs, plan).effects
    assert (entry["comparison"], entry["dataset"], entry["control"]) == (
        "shared",
        "made",
        "control",
    )
    assert entry["factors"] == [
        {"name": "activation", "levels": ("sigmoid", "relu")},
        {"name": "pooling", "levels": ("max", "avg")},
        {"name": "channels", "levels": ((6, 16), (3, 8), (12, 32))},
    ]
    assert (entry["n_seeds"], entry["left_out"]) == (5, [])
    assert len(entry["cells"]) == 12
    assert entry["cells"][0] == {
        "arm": "control",
        "levels": {"activation": "sigmoid", "pooling": "max", "channels": (6, 16)},
    }


def test_effects_are_those_that_were_put_in(study):
    plan, runs = study(names=("activation", "pooling", "channels"))
    (entry,) = analyse(runs, plan).effects
    relu = by(entry["marginal"], factor="activation")
    assert relu["estimate"] == pytest.approx(0.075)  # the mean of 0.1 and 0.05
    assert relu["depends_on"] == ["pooling"]
    wide = by(entry["marginal"], factor="channels", level=(12, 32))
    assert wide["estimate"] == pytest.approx(0.01)
    assert wide["depends_on"] == []
    both = by(entry["interactions"], factors=("activation", "pooling"))
    assert both["estimate"] == pytest.approx(-0.05)
    assert both["matters"]
    assert [one["matters"] for one in entry["interactions"]].count(True) == 1
    simple = by(entry["simple"], factor="activation", given={"pooling": "avg"})
    assert simple["estimate"] == pytest.approx(0.05)
    assert len(entry["simple"]) == 4  # activation by pooling, and pooling by activation
    linear, curved = entry["trends"]
    assert (linear["factor"], linear["degree"]) == ("channels", "linear")
    assert linear["estimate"] == pytest.approx(0.01)
    assert curved["estimate"] == pytest.approx(0.0, abs=1e-12)


def test_the_variance_table_is_that_of_the_same_runs(study):
    plan, runs = study()
    (entry,) = analyse(runs, plan).effects
    levels = {one.name: one.levels for one in plan.arms}
    table = runs.assign(
        **{name: [levels[arm][name] for arm in runs["arm"]] for name in plan.factors}
    )
    expected = anova(table, "test/accuracy", list(plan.factors), "seed")
    assert [row["term"] for row in entry["anova"]] == expected["term"].tolist()
    assert [row["f"] for row in entry["anova"]] == pytest.approx(expected["F"].tolist())
    assert set(entry["anova"][0]) == {"term", "df", "sum_sq", "f", "p", "omega_sq"}


def test_adjusted_intervals_share_alpha_within_each_list(study):
    plan, runs = study(names=("activation", "pooling", "channels"))
    (whole,) = analyse(runs, plan).effects
    n_simple = 2 * (1 * 2) + 2 * (1 * 3) + 2 * (2 * 2)  # each factor's others at each level
    for name, size in {"marginal": 4, "interactions": 5, "simple": n_simple, "trends": 2}.items():
        alone = replace(plan, endpoint=replace(plan.endpoint, alpha=0.05 / size))
        (sharper,) = analyse(runs, alone).effects
        assert whole[name][0]["ci_adjusted"] == pytest.approx(sharper[name][0]["ci"])


def test_looks_share_alpha_too(study):
    plan, runs = study(names=("activation", "pooling", "channels"))
    halved = replace(plan, endpoint=replace(plan.endpoint, alpha=plan.endpoint.alpha / 2))
    looked_at = analyse(runs, replace(plan, looks=(3, 5)))
    assert min(arm.n_finished for arm in looked_at.arms) == 3  # the seeds that all arms have
    (twice,) = looked_at.effects
    (sharper,) = analyse(runs[runs["seed"] < 3], replace(halved, seeds=(0, 1, 2))).effects
    for name in ("marginal", "interactions", "simple", "trends"):
        adjusted = [one["ci_adjusted"] for one in twice[name]]
        assert adjusted == [pytest.approx(one["ci_adjusted"]) for one in sharper[name]]


def test_an_effect_depends_on_a_factor_only_at_the_levels_that_interact(study):
    def at_the_widest(levels, seed):
        is_both = levels["activation"] == "relu" and levels["channels"] == [12, 32]
        return truth(levels, seed) - 0.4 + 0.1 * is_both

    def at_both_ends(levels, seed):
        is_both = levels["activation"] == "relu" and levels["channels"] == [3, 8]
        return at_the_widest(levels, seed) + 0.3 * is_both

    plan, runs = study(names=("activation", "channels"), values=at_the_widest)
    (entry,) = analyse(runs, plan).effects
    assert by(entry["marginal"], factor="channels", level=(12, 32))["depends_on"] == ["activation"]
    assert by(entry["marginal"], factor="channels", level=(3, 8))["depends_on"] == []
    plan, runs = study(names=("activation", "channels"), values=at_both_ends)
    (entry,) = analyse(runs, plan).effects
    assert by(entry["marginal"], factor="activation")["depends_on"] == ["channels"]
    assert by(entry["marginal"], factor="channels", level=(3, 8))["depends_on"] == ["activation"]


def test_effects_are_oriented_like_contrasts(study):
    plan, runs = study()
    negated = runs.rename(columns={"test/accuracy": "test/loss"})
    negated["test/loss"] *= -1
    endpoint = Endpoint("test/loss", "minimize", 0.005)
    (there,) = analyse(runs, plan).effects
    (back,) = analyse(negated, replace(plan, endpoint=endpoint)).effects
    assert json.dumps(back["marginal"]) == json.dumps(there["marginal"])
    assert json.dumps(back["simple"]) == json.dumps(there["simple"])


def test_a_small_interaction_calls_for_no_simple_effects(study):
    def additive(levels, seed):
        return truth(levels | {"pooling": "max"}, seed) + 0.01 * (levels["pooling"] == "avg")

    plan, runs = study(values=additive)
    (entry,) = analyse(runs, plan).effects
    assert [one["matters"] for one in entry["interactions"]] == [False]
    assert entry["simple"] == []
    assert all(one["depends_on"] == [] for one in entry["marginal"])


def test_a_failed_run_leaves_its_seed_out_and_is_named(study):
    plan, runs = study()
    is_lost = (runs["arm"] == "activation=relu") & (runs["seed"] == 3)
    runs.loc[is_lost, "state"] = "DIVERGED"
    results = analyse(runs, plan)
    (entry,) = results.effects
    assert entry["n_seeds"] == 4
    assert entry["left_out"] == [{"seed": 3, "missing": ["activation=relu"]}]
    (warning,) = (one for one in results.warnings if one.code == "effects_seeds_left_out")
    assert "seed 3 lacks 'activation=relu'; such seeds are in no effect" in warning.text
    fewer = replace(plan, seeds=(0, 1, 2, 4))
    (without,) = analyse(runs[runs["seed"] != 3], fewer).effects
    assert entry["anova"] == without["anova"]


def test_an_arm_that_never_finished_leaves_no_effects(study):
    plan, runs = study()
    runs.loc[runs["arm"] == "activation=relu", "state"] = "OOM"
    results = analyse(runs, plan)
    assert results.effects == ()
    (refusal,) = (one for one in results.refusals if one.code == "effects_empty_cells")
    assert "no run of 'activation=relu' has a value" in refusal.text


def test_fewer_than_two_whole_seeds_are_refused(study):
    plan, runs = study()
    runs.loc[(runs["arm"] == "pooling=avg") & (runs["seed"] > 0), "state"] = "FAILED"
    results = analyse(runs, plan)
    assert results.effects == ()
    (refusal,) = (one for one in results.refusals if one.code == "effects_too_few_seeds")
    assert "seed 4 lacks 'pooling=avg'" in refusal.text


@pytest.mark.parametrize("design", ["one-factor", "leave-one-out", "zip"])
def test_designs_that_are_not_crossed_say_what_they_confound(study, design):
    names = ("activation", "pooling")
    factors = {"activation": ["sigmoid", "relu"], "pooling": ["max", "avg"]}
    plan, runs = study(names, design=design, factors=factors)
    results = analyse(runs, plan)
    assert results.effects == ()
    assert not any(code.startswith("effects_") for code in codes(results.refusals))
    (warning,) = (one for one in results.warnings if one.code.startswith("effects_"))
    assert warning.code == "effects_not_crossed"
    lacking = 2 if design == "zip" else 1
    assert f"{lacking} of 4 combinations of activation, pooling are not" in warning.text
    told = "activation with pooling; pooling with activation"
    told = told if design == "zip" else "the effect of a factor with its interactions"
    assert warning.text.endswith(f"confounded: {told}")


def test_an_excluded_cell_is_refused_like_any_other(study):
    plan, runs = study(names=("activation", "channels"))
    lost = "activation=relu,channels=3x8"
    kept = tuple(one for one in plan.arms if one.name != lost)
    contrasts = tuple(one for one in plan.contrasts if one.arm != lost)
    plan = replace(plan, arms=kept, contrasts=contrasts)
    assert codes(analyse(runs[runs["arm"] != lost], plan).refusals) == ["effects_not_crossed"]


def test_one_factor_is_crossed_with_nothing_and_has_its_trend(study):
    plan, runs = study(names=("channels",), design="one-factor")
    (entry,) = analyse(runs, plan).effects
    assert entry["interactions"] == entry["simple"] == []
    assert [row["term"] for row in entry["anova"]] == ["channels", "seed", "residual"]
    assert entry["trends"][0]["estimate"] == pytest.approx(0.01)


def test_a_control_beside_the_grid_is_left_out_of_it(study):
    factors = {"activation": ["relu", "tanh"], "pooling": ["max", "avg"]}
    plan, runs = study(factors=factors)
    (entry,) = analyse(runs, plan).effects
    assert entry["control"] == "control"
    assert "control" not in [cell["arm"] for cell in entry["cells"]]
    assert entry["factors"][0]["levels"] == ("relu", "tanh")


def test_arms_that_the_study_lists_itself_are_in_no_effect(study):
    plan, runs = study()
    listed = ArmFacts("mlp", levels=CONTROL, changes={"variant": "mlp"}, dataset={"name": "made"})
    more = runs[runs["arm"] == "control"]
    more = more.assign(arm="mlp", run_key="mlp-" + more["run_key"])
    both = replace(plan, arms=(*plan.arms, listed))
    assert analyse(pd.concat([runs, more]), both).effects == analyse(runs, plan).effects


def test_two_arms_in_one_cell_are_refused(study):
    plan, runs = study()
    twin = ArmFacts("twin", levels=CONTROL, dataset={"name": "made"})
    more = runs[runs["arm"] == "control"]
    more = more.assign(arm="twin", run_key="twin-" + more["run_key"])
    both = replace(plan, arms=(*plan.arms, twin))
    results = analyse(pd.concat([runs, more]), both)
    assert codes(results.refusals) == ["effects_same_arms"]
    assert "'control' and 'twin' have the same level" in results.refusals[-1].text


def test_every_data_set_and_recipe_has_an_entry_of_its_own(study):
    plan, runs = study()
    renamed = {one.name: f"{one.name} on b" for one in plan.arms}
    second = tuple(
        replace(one, name=renamed[one.name], dataset={"name": "b"}, control="control on b")
        for one in plan.arms
    )
    more = runs.assign(arm=runs["arm"].map(renamed), run_key=runs["run_key"] + "b")
    both = replace(plan, arms=(*plan.arms, *second))
    entries = analyse(pd.concat([runs, more]), both).effects
    assert [one["dataset"] for one in entries] == ["made", "b"]
    assert [one["control"] for one in entries] == ["control", "control on b"]
    assert entries[0]["marginal"] == entries[1]["marginal"]


def test_a_table_of_ones_own_gives_the_levels_by_its_columns():
    rows = [
        {"arm": f"{a} {b}", "width": "x".join(map(str, b)), "net.kind": a, "seed": seed}
        | {"test/accuracy": 0.5 + 0.1 * (a == "new") + 0.01 * seed + 0.001 * sum(b) * seed}
        for a, b, seed in product(["old", "new"], [[1, 2], [2, 4], [4, 8]], range(3))
    ]
    plan = AnalysisPlan(
        control="old [1, 2]",
        factors={"width": [[1, 2], [2, 4], [4, 8]], "net.kind": ["old", "new"]},
        endpoint=Endpoint("test/accuracy", "maximize", 0.01),
        contrasts=(ContrastSpec("new - old", "new [1, 2]", "old [1, 2]"),),
    )
    (entry,) = analyse(pd.DataFrame(rows), plan).effects
    assert entry["factors"][0]["levels"] == ((1, 2), (2, 4), (4, 8))
    assert by(entry["marginal"], factor="net.kind")["estimate"] == pytest.approx(0.1)
    assert [one["factor"] for one in entry["trends"]] == ["width", "width"]


def test_a_factor_that_nobody_knows_the_levels_of_has_no_effects(study):
    plan, runs = study()
    blank = tuple(ArmFacts(one.name, dataset=one.dataset) for one in plan.arms)
    results = analyse(runs, replace(plan, arms=blank))
    assert results.effects == ()
    assert codes(results.refusals) == []


def test_a_study_that_is_not_final_or_not_fair_says_not_what_matters(study):
    plan, runs = study()
    early = analyse(runs[runs["seed"] < 4], plan)
    unfair = analyse(runs.assign(epochs=np.where(runs["arm"] == "control", 5, 6)), plan)
    assert codes(unfair.refusals) == []
    for results in (early, unfair):
        (entry,) = results.effects
        assert [one["matters"] for one in entry["interactions"]] == [None]
        assert entry["simple"] == []


def test_the_section_is_plain_json_whatever_the_order_of_rows(study):
    plan, runs = study(names=("activation", "pooling", "channels"))
    first = json.dumps(analyse(runs, plan).to_dict(), allow_nan=False)
    mixed = runs.sample(frac=1, random_state=1)
    assert json.dumps(analyse(mixed, plan).to_dict(), allow_nan=False) == first
    (entry,) = json.loads(first)["effects"]
    assert entry["factors"][2]["levels"] == [[6, 16], [3, 8], [12, 32]]
    assert entry["anova"][-1]["f"] is None


def test_equal_runs_have_no_effect_and_no_nan(study):
    plan, runs = study(values=lambda *_: 0.1)
    (entry,) = analyse(runs, plan).effects
    assert all(one["ci_adjusted"] == (0.0, 0.0) for one in entry["marginal"])
    json.dumps(analyse(runs, plan).to_dict(), allow_nan=False)


def test_effects_of_a_study_with_added_seeds_are_numbers_alone(study):
    plan, runs = study()
    whole = analyse(runs, plan)
    shown = {contrast.name: (0, 1, 2) for contrast in plan.contrasts}
    results = analyse(runs, replace(plan, shown=shown))
    assert "effects_extended" in codes(results.warnings)
    assert "effects_extended" not in codes(whole.warnings)
    (entry,), (before,) = results.effects, whole.effects
    assert entry["anova"] == before["anova"]
    assert {one["matters"] for one in entry["interactions"]} == {None}


def test_an_arm_beside_the_grid_that_gets_no_verdict_leaves_the_grid_its_own(study):
    plan, runs = study()
    runs = runs.assign(epochs=5)
    own = {one["matters"] for entry in analyse(runs, plan).effects for one in entry["interactions"]}
    assert None not in own
    runs.loc[runs["arm"] == "pooling=avg", "epochs"] = 9
    (entry,) = analyse(runs, plan).effects
    assert {one["matters"] for one in entry["interactions"]} == {None}
