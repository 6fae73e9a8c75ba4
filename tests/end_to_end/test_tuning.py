"""Fair tuning, from a study file to the report: real trainings, MLflow, Optuna's journal, kills."""

from __future__ import annotations

import json
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml
from kills import Subject, kill, workers_of

from ablations.tracking.tracker import Tracker
from ablations.tuning import Journal
from reports.collect import collect_study

pytestmark = pytest.mark.end_to_end

INLINE = ("--executor", "inline", "--device", "cpu")
TUNED = {
    "study": "tuned",
    "dataset": {"name": "digits", "subset": 600},
    "control": {"variant": "mlp", "levels": {"hidden": [32], "activation": "sigmoid"}},
    "factors": {"activation": ["relu"]},
    "seeds": 3,
    "recipe": {"optimizer": "sgd", "epochs": 4, "batch_size": 32, "learning_rate": 3.0},
    "tuning": {
        "trials": 6,
        "space": {"learning_rate": {"low": 0.01, "high": 10, "log": True}},
        "validation": 100,
    },
    "endpoint": {"metric": "test/accuracy", "margin": 0.02},
}


def write(name="study.yaml", **changes):
    Path(name).write_text(yaml.safe_dump({**TUNED, **changes}, sort_keys=False))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, new_store, call):
    """A folder in which the tuned study was run to its end, and its results."""
    folder = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_store(folder)
        write()
        done = call("run", "study.yaml", *INLINE)
        assert done.exit_code == 0, done.output
        (found,) = folder.glob("ablation-reports/*/results.json")
        yield folder, json.loads(found.read_text()), done.output


@pytest.fixture(scope="module")
def trials(whole):
    """The trials as MLflow has them."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    folder, _, _ = whole
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuned")
    return client.search_runs([experiment.experiment_id], "tags.kind = 'tuning'")


def test_arms_are_searched_alike_by_what_mlflow_and_the_journal_say(whole, trials):
    folder, _, _ = whole
    seeds, splits, validation = defaultdict(list), defaultdict(set), defaultdict(set)
    for run in trials:
        arm = run.data.tags["arm"]
        seeds[arm].append(int(run.data.tags["seed"]))
        splits[arm].add(run.data.tags["split_seed"])
        validation[arm].add(run.data.params["dataset.validation"])
    assert list(map(sorted, seeds.values())) == [[1_000_000 + n for n in range(6)]] * 2
    assert list(splits.values()) == [{"1000000"}] * 2
    assert list(validation.values()) == [{"100"}] * 2
    searches = {run.data.tags["arm"]: run.data.tags["search"] for run in trials}
    held = {arm: Journal(folder / ".ablations").trials(search) for arm, search in searches.items()}
    assert [sorted(found) for found in held.values()] == [list(range(6))] * 2
    by_key = {run.data.tags["run_key"]: run for run in trials}
    for found in held.values():
        for trial in found.values():
            stored = by_key[trial.run_key]
            assert trial.value == stored.data.metrics["validation/accuracy"]
            assert str(trial.values["learning_rate"]) == stored.data.params["recipe.learning_rate"]


def test_trials_never_see_the_test_images_and_are_in_no_contrast(whole, trials):
    _, results, _ = whole
    assert not [name for run in trials for name in run.data.metrics if name.startswith("test/")]
    assert all(run.data.tags["comparison"] == "tuning" for run in trials)
    assert {arm["comparison"] for arm in results["arms"]} == {"shared", "tuned"}
    assert {seed for arm in results["arms"] for seed in arm["values"]} == {"0", "1", "2"}


def test_both_contrasts_are_given_and_told_apart(whole):
    _, results, output = whole
    tuned, shared = results["contrasts"]
    assert (tuned["comparison"], tuned["family"]) == ("tuned", "primary")
    assert (shared["comparison"], shared["family"]) == ("shared", "secondary")
    assert "both tuned" in tuned["sentence"]
    assert "both at the shared recipe" in shared["sentence"]
    assert "activation=relu (tuned)" in output
    recipes = {(arm["name"], arm["comparison"]): arm["recipe"] for arm in results["arms"]}
    for arm in results["tuning"]["arms"]:
        rate = arm["chosen"]["learning_rate"]
        assert recipes[arm["arm"], "tuned"]["learning_rate"] == rate
        assert recipes[arm["arm"], "shared"]["learning_rate"] == 3.0


def test_the_recipe_that_was_chosen_is_that_of_the_best_trial(whole, trials):
    _, results, _ = whole
    for arm in results["tuning"]["arms"]:
        own = [run for run in trials if run.data.tags["arm"] == arm["arm"]]
        best = max(own, key=lambda run: run.data.metrics["validation/accuracy"])
        assert arm["value"] == best.data.metrics["validation/accuracy"]
        assert str(arm["chosen"]["learning_rate"]) == best.data.params["recipe.learning_rate"]
        expected = next(b for b in results["budget"]["arms"] if b["arm"] == arm["arm"])
        assert len(expected["expected_best"]) == 6
        assert expected["expected_best"][-1] == pytest.approx(arm["value"])


def test_an_arm_that_the_shared_recipe_breaks_is_better_than_it_seems_and_the_report_says_so(whole):
    """At a learning rate of 3 the ReLU net dies, and the sigmoid net does not mind."""
    _, results, _ = whole
    tuned, shared = results["contrasts"]
    assert shared["verdict"] == "worse"
    assert tuned["verdict"] != "worse"
    (note,) = [one for one in results["warnings"] if one["code"] == "recipes_disagree"]
    assert f"worse at the shared recipe, {tuned['verdict']} where each arm has" in note["text"]
    assert "learning_rate" in note["text"]


def test_running_it_again_trains_nothing_and_gives_the_same_bytes(whole, call, steps):
    folder, results, _ = whole
    done = call("run", "study.yaml", *INLINE)
    assert done.exit_code == 0
    assert "12 kept as they are, nothing to train" in " ".join(done.output.split())
    assert steps == []
    (found,) = folder.glob("ablation-reports/*/results.json")
    assert json.loads(found.read_text()) == results


def test_a_lost_journal_costs_no_training_and_is_written_again(whole, call, steps):
    folder, _, _ = whole
    (folder / ".ablations" / "optuna.journal").unlink()
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    assert steps == []
    assert (folder / ".ablations" / "optuna.journal").stat().st_size > 1000


def test_plan_and_status_say_how_far_the_searches_are(whole, call):
    planned = call("plan", "study.yaml", "--json")
    told = json.loads(planned.output)["tuning"]
    assert [(one["n_ended"], one["n_trials"]) for one in told["arms"]] == [(6, 6)] * 2
    assert all(one["chosen"] for one in told["arms"])
    assert call("status", "study.yaml").output.count("6 of 6") == 2
    assert call("status", "tuned").output.count("6 of 6") == 2


def test_a_study_with_more_trials_or_more_seeds_trains_only_those(
    home, store_uri, call, children_of
):
    small = {"dataset": {"name": "digits", "subset": 200}, "seeds": 1}
    write(**small)
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    more = {**TUNED["tuning"], "trials": 8}
    write(**{**small, "seeds": 2}, tuning=more)
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    trained = children_of("tuned", kind="tuning")
    numbers = Counter((run.data.tags["arm"], run.data.tags["trial"]) for run in trained)
    assert numbers == {(arm, str(n)): 1 for arm in ("control", "activation=relu") for n in range(8)}
    plan = Tracker(store_uri, home / ".ablations").stored_plan("tuned")
    planned = {run["run_key"] for run in plan["runs"]}
    children = Counter(run.data.tags["run_key"] for run in children_of("tuned"))
    assert planned <= set(children)
    assert set(children.values()) == {1}


def test_trials_of_another_study_are_linked_and_not_trained(
    home, store_uri, call, steps, children_of
):
    small = {"dataset": {"name": "digits", "subset": 200}, "seeds": 1}
    write(**small)
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    steps.clear()
    write(**small, study="other")
    assert call("run", "study.yaml", *INLINE, "--no-report").exit_code == 0
    assert steps == []
    found = children_of("other", kind="tuning")
    assert len(found) == 12
    assert all(run.data.tags["reused_from"] for run in found)


def test_trials_with_several_learning_rates_share_a_stack(home, store_uri, call, children_of):
    write(dataset={"name": "digits", "subset": 200}, seeds=1)
    assert call("run", "study.yaml", *INLINE, "--stack", "5", "--no-report").exit_code == 0
    sizes = Counter(
        int(run.data.metrics["cost/stack_size"]) for run in children_of("tuned", kind="tuning")
    )
    assert sizes == {5: 10, 1: 2}  # the first round of each arm, and what was left of its trials


def test_one_arm_at_a_time_comes_to_the_same_study(home, new_store, call):
    small = {"dataset": {"name": "digits", "subset": 200}, "seeds": 3}
    found = []
    for calls in ([()], [("--only", "activation=relu"), ("--only", "control"), ()]):
        folder = home / f"calls-{len(calls)}"
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            new_store(folder)
            write(**small)
            for words in calls:
                assert call("run", "study.yaml", *INLINE, "--no-report", *words).exit_code == 0
            out = ("--formats", "json", "--out", "out")
            assert call("report", "study.yaml", *out).exit_code == 0
        found.append((folder / "out" / "results.json").read_bytes())
    assert found[0] == found[1]


def test_half_a_study_is_not_final_and_tells_no_verdict(home, store_uri, call):
    write(dataset={"name": "digits", "subset": 200})
    assert call("run", "study.yaml", *INLINE, "--only", "control", "--no-report").exit_code == 0
    tables = collect_study("tuned", store_uri)
    assert len(tables.runs) == 6
    out = ("--formats", "json", "--out", "out")
    assert call("report", "study.yaml", *out).exit_code == 0
    results = json.loads(Path("out/results.json").read_text())
    assert results["final"] is False
    assert [one["verdict"] for one in results["contrasts"]] == [None, None]
    assert not Tracker(store_uri, home / ".ablations").is_whole("tuned")


def budgets(subject):
    """Completed trials of each arm by the store and by the journal, and trainings told twice."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    client = MlflowClient(subject.uri)
    experiment = client.get_experiment_by_name(subject.name)
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'tuning'")
    completed = [run for run in runs if run.data.tags.get("state") in ("FINISHED", "DIVERGED")]
    stored = Counter(run.data.tags["arm"] for run in completed)
    keys = Counter(run.data.tags["run_key"] for run in completed)
    searches = {run.data.tags["arm"]: run.data.tags["search"] for run in runs}
    journal = Journal(subject.work_dir)
    held = {arm: len(journal.trials(search)) for arm, search in searches.items()}
    return dict(stored), held, [key for key, n in keys.items() if n > 1]


@pytest.mark.parametrize("fault", ["trial_stored:3", "tuning_ended", "entry_written:4"])
def test_a_driver_killed_while_it_tunes_loses_and_doubles_no_trial(home, store_uri, whole, fault):
    _, results, _ = whole
    subject = Subject(home, TUNED)
    assert subject.drive(fault, reports=False).wait(180) == -9
    assert subject.landed(fault), subject.log.read_text()
    found = json.loads(subject.finish())
    assert found == results
    assert budgets(subject) == ({"control": 6, "activation=relu": 6},) * 2 + ([],)
    assert subject.violations() == []


LONGER = {**TUNED, "recipe": {**TUNED["recipe"], "epochs": 60}}
"""Trials that take long enough to be killed at."""


def subject_in(folder, new_store):
    folder.mkdir()
    new_store(folder)
    return Subject(folder, LONGER)


def has_ended(n_trials, log):
    """Whether a driver tells of tuning, and of so many trials of it that have ended."""
    return " to tune " in log and log.count(" trial ") >= n_trials


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_of_tuning_leave_every_arm_its_budget(home, new_store, seed):
    rng = random.Random(seed)  # noqa: S311
    whole = subject_in(home / "whole", new_store).finish()
    subject, n_landed = subject_in(home / "killed", new_store), 0
    for attempt in range(12):
        driver = subject.drive(reports=False)
        n_before = rng.randrange(4)  # so few of twelve that every seed has trials left to kill at
        while driver.poll() is None and not has_ended(n_before, subject.log.read_text()):
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.5))
        if driver.poll() is None and "to train" not in subject.log.read_text():
            workers = workers_of(driver.pid)
            victim = rng.choice(workers) if attempt % 3 == 2 and workers else driver.pid
            n_landed += kill(victim)
        driver.wait(180)
        if n_landed == 5:
            break
    assert n_landed >= 3, subject.log.read_text()
    assert subject.finish() == whole
    assert budgets(subject) == ({"control": 6, "activation=relu": 6},) * 2 + ([],)
    assert subject.violations() == []
