from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from ablations import pace
from ablations.errors import LockedError, SpecError, StoreError
from ablations.executors.base import Ended
from ablations.preparation import Prepared, RunOptions
from ablations.progress import Planned, Waiting
from ablations.record import RunRecord, RunState
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.locks import folder_lock, store_lock
from ablations.tracking.store import MlflowStore
from ablations.tracking.tracker import Tracker
from lenet_variants.errors import VariantError
from lenet_variants.registry import load_plugin

Train = Callable[..., list[RunRecord]]
PROBE = {"probes": ["shift"]}


@pytest.fixture
def options(home, store_uri) -> RunOptions:
    return RunOptions(
        tracking_uri=store_uri,
        work_dir=home / ".ablations",
        device="cpu",
        executor="inline",
        study_file=home / "study.yaml",
    )


@pytest.fixture
def train(options) -> Train:
    """Runs a study given as plain values, with some options changed."""

    def run(raw: dict[str, Any], observe: Any = lambda _: None, **changes: Any) -> list[RunRecord]:
        return run_study(parse_study(raw), replace(options, **changes), observe)

    return run


@pytest.fixture
def states(options) -> Callable[[dict[str, Any]], dict[str, str]]:
    """The state of every planned run of a study, by arm and seed."""

    def find(raw: dict[str, Any]) -> dict[str, str]:
        prepared = Prepared(parse_study(raw), options)
        found = prepared.states(MlflowStore(options.tracking_uri).stored_runs())
        return {f"{run.arm} s{run.seed}": found[run.run_key] for run in prepared.plan.runs}

    return find


def _end_times(runs) -> dict[str, int]:
    return {run.info.run_id: run.info.end_time for run in runs}


def test_every_planned_run_is_trained_and_stored_once(tiny, train, children_of, steps):
    records = train(tiny())
    assert len(steps) == 4 * 2 * 4  # runs, epochs, batches of 32 out of 100 images
    assert {record.state for record in records} == {RunState.FINISHED}
    planned = {(record.run_key, record.arm, record.seed) for record in records}
    assert {(arm, seed) for _, arm, seed in planned} == {
        (arm, seed) for arm in ("control", "activation=relu") for seed in (0, 1)
    }
    stored = [run.data.tags for run in children_of("tiny")]
    assert {(tag["run_key"], tag["arm"], int(tag["seed"])) for tag in stored} == planned
    assert len(stored) == 4


def test_a_second_run_starts_no_worker_and_takes_no_step(tiny, train, children_of, steps):
    train(tiny())
    before, n_steps = children_of("tiny"), len(steps)
    events: list[Any] = []
    assert train(tiny(), events.append, executor=None, workers=2) == []
    (told,) = events
    assert isinstance(told, Planned)
    assert (told.jobs, told.n_workers, set(told.states.values())) == ((), 0, {"done"})
    assert len(steps) == n_steps
    assert _end_times(children_of("tiny")) == _end_times(before)


def test_one_more_seed_is_one_new_run_an_arm(tiny, train, children_of):
    train(tiny())
    before = _end_times(children_of("tiny"))
    records = train(tiny(seeds=3))
    assert {(record.arm, record.seed) for record in records} == {
        ("control", 2),
        ("activation=relu", 2),
    }
    after = _end_times(children_of("tiny"))
    assert len(after) == len(before) + 2
    assert {run_id: after[run_id] for run_id in before} == before


def test_one_more_level_is_one_new_arm(tiny, train):
    train(tiny())
    records = train(tiny(factors={"activation": ["sigmoid", "relu", "tanh"]}))
    assert {record.arm for record in records} == {"activation=tanh"}


def test_names_orders_and_wording_train_nothing_again(tiny, train, steps):
    first = {"name": "plain", "variant": "mlp"}
    second = {"name": "linear", "variant": "softmax"}
    train(tiny(arms=[first, second]))
    n_steps = len(steps)
    renamed = [{**second, "name": "no hidden layer"}, {**first, "name": "MLP"}]
    moved = tiny(arms=renamed, question="Does anything?", seeds=[1, 0])
    moved["factors"] = {"activation": ["relu", "sigmoid"]}
    assert train(dict(reversed(moved.items()))) == []
    assert len(steps) == n_steps


def test_a_number_written_another_way_trains_nothing_again(tiny, train):
    train(tiny(seeds=1))
    recipe = {"epochs": 2.0, "batch_size": 32, "learning_rate": "1e-2", "momentum": 0}
    assert train(tiny(seeds=1, recipe=recipe)) == []


@pytest.mark.parametrize(
    "change",
    [{"recipe": {"epochs": 1}}, {"root_seed": 1}, {"dataset": {"name": "digits", "subset": 90}}],
    ids=["recipe", "root seed", "data"],
)
def test_what_may_move_a_number_makes_a_run_new(tiny, train, states, change):
    train(tiny(seeds=1, factors={"activation": ["relu"]}))
    assert set(states(tiny(seeds=1, **change)).values()) == {"new"}


def test_editing_a_plug_in_makes_its_own_runs_new(tiny, train, states, fragile, forget_variants):
    load_plugin(fragile)
    study = tiny(arms=["fragile"], plugins=["fragile.py"], seeds=1)
    train(study)
    assert set(states(study).values()) == {"done"}
    forget_variants()
    fragile.write_text(fragile.read_text() + "\n# an edit\n")
    load_plugin(fragile)
    assert states(study) == {
        "control s0": "done",
        "activation=relu s0": "done",
        "fragile s0": "new",
    }
    assert [record.arm for record in train(study)] == ["fragile"]


def test_a_run_that_fails_is_a_record_and_stops_no_other(tiny, train, children_of, fragile):
    load_plugin(fragile)
    fragile.with_name("broken").touch()
    records = train(tiny(arms=["fragile"], plugins=["fragile.py"], seeds=1))
    assert {record.arm: record.state for record in records} == {
        "control": RunState.FINISHED,
        "activation=relu": RunState.FINISHED,
        "fragile": RunState.FAILED,
    }
    failed = next(record for record in records if record.arm == "fragile")
    assert failed.message == "RuntimeError: this network is broken"
    assert 'raise RuntimeError("this network is broken")' in failed.traceback
    child = next(run for run in children_of("tiny") if run.data.tags["arm"] == "fragile")
    assert (child.info.status, child.data.tags["state"]) == ("FAILED", "FAILED")
    assert child.data.tags["message"] == failed.message


def test_a_failed_run_is_trained_again_only_when_asked_to(
    tiny, train, states, children_of, fragile
):
    load_plugin(fragile)
    study = tiny(arms=["fragile"], plugins=["fragile.py"], seeds=1)
    fragile.with_name("broken").touch()
    train(study)
    fragile.with_name("broken").unlink()
    assert states(study)["fragile s0"] == "failed"
    assert train(study) == []
    (retried,) = train(study, retry_failed=True)
    assert (retried.arm, retried.attempt, retried.state) == ("fragile", 2, RunState.FINISHED)
    assert states(study)["fragile s0"] == "done"
    assert train(study, retry_failed=True) == []
    attempts = [r.data.tags["attempt"] for r in children_of("tiny") if "fragile" in r.info.run_name]
    assert attempts == ["1", "2"]


def test_fresh_is_a_new_attempt_with_the_same_bits(tiny, train, children_of):
    first = {record.run_key: record for record in train(tiny())}
    second = {record.run_key: record for record in train(tiny(), fresh=True)}
    assert {record.attempt for record in second.values()} == {2}
    assert {key: record.curves for key, record in second.items()} == {
        key: record.curves for key, record in first.items()
    }
    attempts = [run.data.tags["attempt"] for run in children_of("tiny")]
    assert sorted(attempts) == ["1"] * 4 + ["2"] * 4
    assert train(tiny()) == []


def test_a_run_of_another_study_is_linked_and_not_trained(tiny, train, children_of, steps):
    train(tiny())
    n_steps = len(steps)
    assert train(tiny(study="second")) == []
    assert len(steps) == n_steps
    originals = {run.data.tags["run_key"]: run for run in children_of("tiny")}
    linked = {run.data.tags["run_key"]: run for run in children_of("second")}
    assert linked.keys() == originals.keys()
    for key, run in linked.items():
        assert run.data.tags["reused_from"] == originals[key].info.run_id
        assert run.data.metrics == originals[key].data.metrics
    assert train(tiny(study="second")) == []
    assert len(children_of("second")) == len(linked)


def test_a_linked_run_has_the_name_its_own_study_gives_it(tiny, train, children_of):
    train(tiny(seeds=1))
    train(tiny(study="second", seeds=1, factors={}, arms=[_relu("rectified")]))
    assert {run.data.tags["arm"] for run in children_of("second")} == {"control", "rectified"}


def _relu(name: str) -> dict[str, Any]:
    levels = {"kernel_size": 3, "padding": 1, "activation": "relu"}
    return {"name": name, "variant": "lenet", "levels": levels}


def test_a_run_that_failed_in_another_study_is_linked_as_failed(tiny, train, children_of, fragile):
    load_plugin(fragile)
    fragile.with_name("broken").touch()
    plugged = {"arms": ["fragile"], "plugins": ["fragile.py"], "seeds": 1}
    train(tiny(**plugged))
    assert train(tiny(study="second", **plugged)) == []
    linked = {run.data.tags["arm"]: run.data.tags["state"] for run in children_of("second")}
    assert linked["fragile"] == "FAILED"


def test_a_probe_added_later_measures_stored_weights_and_trains_nothing(
    tiny, train, children_of, steps
):
    train(tiny())
    n_steps, before = len(steps), _end_times(children_of("tiny"))
    assert train(tiny(**PROBE)) == []
    assert len(steps) == n_steps
    probed = children_of("tiny")
    assert _end_times(probed) == before
    assert all("probe/shift/accuracy_1" in run.data.metrics for run in probed)
    events: list[Any] = []
    assert train(tiny(**PROBE), events.append) == []
    assert events[0].jobs == ()


def test_a_probe_gives_the_same_numbers_later_as_at_once(tiny, train, children_of):
    train(tiny(seeds=1))
    train(tiny(seeds=1, **PROBE))
    later = _probes(children_of("tiny"))
    train(tiny(seeds=1, **PROBE), fresh=True)
    at_once = _probes(run for run in children_of("tiny") if run.data.tags["attempt"] == "2")
    assert later == at_once


def _probes(runs) -> dict[str, dict[str, float]]:
    return {
        run.data.tags["arm"]: {
            name: value for name, value in run.data.metrics.items() if name.startswith("probe/")
        }
        for run in runs
    }


def test_a_probe_added_to_a_linked_study_is_measured_on_its_own_copy(tiny, train, children_of):
    train(tiny(seeds=1))
    train(tiny(study="second", seeds=1, **PROBE))
    assert not any("probe.shift" in run.data.tags for run in children_of("tiny"))
    assert all("probe/shift/accuracy_1" in run.data.metrics for run in children_of("second"))


def test_a_link_has_the_probes_that_were_added_to_the_run_it_names(tiny, train, children_of, steps):
    train(tiny(seeds=1))
    train(tiny(seeds=1, **PROBE))
    n_steps = len(steps)
    train(tiny(study="second", seeds=1, **PROBE))
    assert len(steps) == n_steps
    assert _probes(children_of("second")) == _probes(children_of("tiny"))
    assert all("probe.shift" in run.data.tags for run in children_of("second"))


def test_a_run_that_diverges_is_an_outcome(tiny, train, states):
    recipe = {"optimizer": "sgd", "learning_rate": 1e18, "epochs": 2, "batch_size": 32}
    study = tiny(seeds=1, factors={"activation": ["relu"]}, recipe=recipe)
    diverged = {record.arm: record for record in train(study)}["activation=relu"]
    assert (diverged.state, diverged.diverged_epoch) == (RunState.DIVERGED, 1)
    assert diverged.message == "the loss was not finite in epoch 1"
    assert states(study)["activation=relu s0"] == "diverged"
    assert train(study, retry_failed=True) == []


def test_an_interrupt_keeps_what_is_finished_and_names_what_was_in_flight(
    tiny, train, states, children_of, store_uri
):
    ended: list[Any] = []

    def interrupt(event: Any) -> None:
        if isinstance(event, Ended):
            ended.append(event)
        elif len(ended) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny(), interrupt)
    by_state = [run.data.tags["state"] for run in children_of("tiny")]
    assert sorted(by_state) == ["FINISHED", "FINISHED", "INTERRUPTED"]
    assert sorted(states(tiny()).values()) == ["done", "done", "new", "new"]
    assert MlflowStore(store_uri).open_studies() == []
    assert len(train(tiny())) == 2
    assert set(states(tiny()).values()) == {"done"}


def test_a_store_that_is_down_trains_nothing(tiny, train, steps, home):
    with pytest.raises(StoreError, match=r"tracking store http://127\.0\.0\.1:9"):
        train(tiny(), tracking_uri="http://127.0.0.1:9")
    assert steps == []
    assert Tracker("http://127.0.0.1:9", home / ".ablations").n_waiting() == 0


def test_a_second_driver_in_the_same_folder_or_on_the_same_store_is_refused(
    tiny, train, options, steps
):
    for lock in (folder_lock(options.work_dir, "a"), store_lock(options.tracking_uri, "a")):
        with lock, pytest.raises(LockedError, match=r": a \(process .* is at work"):
            train(tiny())
    assert steps == []


def test_a_driver_that_waits_says_for_whom_and_then_trains(tiny, train, options):
    seen = []
    with ExitStack() as other:
        other.enter_context(store_lock(options.tracking_uri, "run of study 'other'"))

        def observe(event):
            seen.append(event)
            if isinstance(event, Waiting):
                other.close()  # the other driver ends

        assert len(train(tiny(seeds=1), observe, wait=True)) == 2
    told = [event.text for event in seen if isinstance(event, Waiting)]
    assert seen[0].text == told[0]
    assert len(told) == 1
    assert "waiting for run of study 'other' (process " in told[0]


def test_every_arm_that_does_not_fit_is_named_before_anything_is_trained(tiny, train, steps):
    study = tiny(dataset={"name": "digits", "image_size": [2, 2]}, arms=["softmax"])
    with pytest.raises(SpecError) as caught:
        train(study)
    assert all(text.startswith("arm ") for text in caught.value.problems)
    assert {"arm 'control'", "arm 'activation=relu'"} == {
        problem.partition(":")[0] for problem in caught.value.problems
    }
    assert steps == []


def test_a_last_batch_of_two_images_trains_batch_norm(tiny, train):
    study = tiny(recipe={"batch_size": 49, "epochs": 1}, factors={"norm": ["batch"]}, seeds=1)
    assert {record.state for record in train(study)} == {RunState.FINISHED}


def test_only_some_arms_and_seeds_are_trained_and_the_rest_later(tiny, train, states):
    study = tiny(seeds=3)
    trained = train(study, only=("activation=relu",), seeds=(0, 2))
    assert {(record.arm, record.seed) for record in trained} == {
        ("activation=relu", 0),
        ("activation=relu", 2),
    }
    assert list(states(study).values()).count("new") == 4
    assert len(train(study)) == 4


def test_a_plug_in_variant_that_is_not_loaded_is_unknown(tiny):
    with pytest.raises((SpecError, VariantError), match="fragile"):
        parse_study(tiny(arms=["fragile"]))


def test_the_pace_of_what_was_trained_is_kept_and_of_nothing_else(tiny, train):
    (record, *_) = train(tiny(seeds=1))
    kept = pace.read()
    assert set(kept) == {record.env_key}
    assert set(kept[record.env_key]) == {record.spec["n_macs"]}
    train(tiny(seeds=1))
    assert pace.read() == kept
