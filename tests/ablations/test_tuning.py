"""The search with Optuna: what it proposes, what its journal holds, what mattered."""

from __future__ import annotations

import math

import optuna
import pytest

from ablations.record import RunState
from ablations.spec import TuningSpec
from ablations.trials import Trial
from ablations.tuning import AT_A_TIME, JOURNAL_FILE, Journal, importances, proposed

SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1, "log": True},
    "weight_decay": {"low": 0, "high": 0.1},
    "batch_size": [32, 64],
}


def asked(**changes):
    return TuningSpec.model_validate({"trials": 17, "space": SPACE, **changes})


def score(values):
    """Best at a learning rate of 0.01, whatever the rest."""
    return 1 - 0.1 * abs(math.log10(values["learning_rate"]) + 2)


def ended(number, values, state=RunState.FINISHED):
    value = score(values) if state is RunState.FINISHED else None
    return Trial(number, values, state, value, 0, f"key-{number}")


def searched(tuning, *, root_seed=0, until=None):
    """The trials of a whole search, or of its first `until`, with the sizes of its rounds."""
    trials, sizes = {}, []
    while values := proposed(tuning, trials, root_seed=root_seed, direction="maximize"):
        sizes.append(len(values))
        for number, one in values.items():
            if until is None or number < until:
                trials[number] = ended(number, one)
        if until is not None and len(trials) >= until:
            break
    return trials, sizes


def test_a_search_that_learns_goes_in_rounds_and_gets_better_than_chance():
    trials, sizes = searched(asked(trials=42))
    assert sizes == [AT_A_TIME] * 8 + [2]
    first, last = ([trials[n].value for n in span] for span in (range(10), range(32, 42)))
    assert sum(last) / 10 > sum(first) / 10
    assert max(one.value for one in trials.values()) > 0.97


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_search_that_was_stopped_anywhere_goes_on_as_it_would_have(sampler):
    tuning = asked(sampler=sampler)
    whole, _ = searched(tuning)
    for until in (1, 7, 12):
        part, _ = searched(tuning, until=until)
        while values := proposed(tuning, part, root_seed=0, direction="maximize"):
            assert {number: whole[number].values for number in values} == values
            part |= {number: ended(number, one) for number, one in values.items()}
        assert part == whole


def test_trials_keep_the_values_they_had_whatever_would_be_proposed_now():
    tuning = asked(trials=3)
    own = {"learning_rate": 0.5, "weight_decay": 0.0, "batch_size": 32}
    values = proposed(tuning, {1: ended(1, own)}, root_seed=0, direction="maximize")
    assert list(values) == [0, 1, 2]
    assert values[1] == own


def test_a_random_search_has_one_round_and_another_root_seed_draws_others():
    tuning = asked(sampler="random")
    one, other = (proposed(tuning, {}, root_seed=n, direction="maximize") for n in (0, 1))
    assert len(one) == 17
    assert one != other
    rates = [values["learning_rate"] for values in one.values()]
    assert min(rates) >= 1e-4
    assert max(rates) <= 1
    assert len(set(rates)) == 17
    assert {values["batch_size"] for values in one.values()} == {32, 64}


def test_a_search_with_more_trials_begins_with_the_same():
    few, many = (searched(asked(trials=n))[0] for n in (10, 15))
    assert few == {number: many[number] for number in range(10)}


def test_a_grid_is_every_cell_once():
    grid = {"learning_rate": [0.1, 0.2], "batch_size": [32, 64]}
    tuning = TuningSpec.model_validate({"sampler": "grid", "space": grid})
    values = proposed(tuning, {}, root_seed=0, direction="maximize")
    assert len({tuple(one.values()) for one in values.values()}) == len(values) == 4
    assert tuning.n_trials == 4
    left = proposed(tuning, {0: ended(0, values[0])}, root_seed=0, direction="maximize")
    assert left == values
    done = {number: ended(number, one) for number, one in values.items()}
    assert proposed(tuning, done, root_seed=0, direction="maximize") == {}


def test_whole_numbers_stay_whole_and_steps_are_kept():
    space = {
        "epochs": {"low": 1, "high": 9, "step": 2},
        "learning_rate": {"low": 0, "high": 1, "step": 0.25},
    }
    with pytest.raises(ValueError, match=r"learning_rate: 0\.0 will not do"):
        asked(space=space)
    space["learning_rate"]["low"] = 0.25
    values = proposed(asked(space=space, sampler="random"), {}, root_seed=0, direction="maximize")
    assert {type(one["epochs"]) for one in values.values()} == {int}
    assert {one["epochs"] for one in values.values()} <= {1, 3, 5, 7, 9}
    assert {one["learning_rate"] for one in values.values()} <= {0.25, 0.5, 0.75, 1.0}


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_trials_that_diverged_or_failed_do_not_stop_a_search(direction):
    tuning = asked()
    part, _ = searched(tuning, until=10)
    part[3] = ended(3, part[3].values, RunState.DIVERGED)
    part[4] = ended(4, part[4].values, RunState.FAILED)
    assert list(proposed(tuning, part, root_seed=0, direction=direction)) == [10, 11, 12, 13, 14]


def test_the_journal_gives_back_what_it_was_given(tmp_path):
    tuning = asked()
    trials, _ = searched(tuning, until=5)
    trials[3] = ended(3, trials[3].values, RunState.DIVERGED)
    trials[4] = ended(4, trials[4].values, RunState.KILLED)
    journal = Journal(tmp_path / "work")
    assert journal.trials("mine") == {}
    for trial in trials.values():
        journal.add("mine", trial, tuning.space, "minimize")
    journal.add("another", trials[0], tuning.space, "minimize")
    assert Journal(tmp_path / "work").trials("mine") == trials


def test_of_a_trial_that_was_tried_again_the_last_counts(tmp_path):
    tuning, journal = asked(), Journal(tmp_path)
    values = proposed(tuning, {}, root_seed=0, direction="maximize")[0]
    for state in (RunState.FAILED, RunState.FINISHED):
        journal.add("mine", ended(0, values, state), tuning.space, "maximize")
    assert journal.trials("mine") == {0: ended(0, values)}


def test_a_line_that_was_cut_off_costs_its_own_trial_alone(tmp_path):
    tuning, journal = asked(), Journal(tmp_path)
    values = proposed(tuning, {}, root_seed=0, direction="maximize")
    journal.add("mine", ended(0, values[0]), tuning.space, "maximize")
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(b'{"op_code": 4, "study')
    again = Journal(tmp_path)
    again.add("mine", ended(1, values[1]), tuning.space, "maximize")
    assert sorted(Journal(tmp_path).trials("mine")) == [0, 1]


def test_optunas_own_tools_read_the_journal(tmp_path):
    tuning, journal = asked(), Journal(tmp_path)
    for number, values in proposed(tuning, {}, root_seed=0, direction="maximize").items():
        journal.add("mine", ended(number, values), tuning.space, "maximize")
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL_FILE))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.load_study(study_name="mine", storage=storage)
    assert len(study.trials) == 5
    assert study.best_value == max(score(trial.params) for trial in study.trials)
    assert study.best_trial.user_attrs["seed"] >= 1_000_000


def test_what_mattered_is_found_and_says_the_same_each_time():
    tuning = asked(trials=40)
    trials = list(searched(tuning)[0].values())
    found = importances(trials, tuning.space, "maximize")
    assert found == importances(trials, tuning.space, "maximize")
    assert sum(found.values()) == pytest.approx(1)
    assert list(found) == list(SPACE)
    assert found["learning_rate"] > 0.5


def test_importance_is_not_made_up_where_nothing_says_it():
    tuning = asked()
    trials = list(searched(tuning)[0].values())
    flat = [Trial(t.number, t.values, t.state, 0.5, 0, t.run_key) for t in trials]
    lone = {"learning_rate": tuning.space["learning_rate"]}
    assert importances(flat, tuning.space, "maximize") is None
    assert importances(trials[:3], tuning.space, "maximize") is None
    assert importances(trials, lone, "maximize") is None
