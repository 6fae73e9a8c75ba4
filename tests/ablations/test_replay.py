"""Stored runs trained again: found by their key, refused if they would be others, compared."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
import torch

from ablations import record
from ablations.errors import DataError, RunNotFoundError, SpecError, StoreError
from ablations.executors.base import EpochEnded
from ablations.preparation import RunOptions
from ablations.record import RunState, StoredRun
from ablations.replay import find_run, replay
from ablations.runner import run_study
from ablations.study_file import parse_study
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import MlflowStore
from lenet_variants.errors import LevelError
from lenet_variants.registry import load_plugin

ALONE = {"design": "arms", "factors": {}, "seeds": 1}
DIVERGING = {
    "control": {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}},
    "recipe": {"learning_rate": 1e30, "epochs": 3, "batch_size": 100},
}


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
def train(options, tiny):
    """Trains the tiny study with some keys changed; its last record."""
    return lambda **changes: run_study(parse_study(tiny(**{**ALONE, **changes})), options)[-1]


@pytest.fixture
def again(store_uri):
    return lambda trained, **changes: replay(
        trained.run_key[:12], store_uri, **{"device": "cpu", **changes}
    )


@pytest.fixture
def stored_file(children_of):
    """The path of a file of the only run, in the artifact store."""

    def path(name: str, study: str = "tiny") -> Path:
        (run,) = children_of(study)
        return Path(url2pathname(urlsplit(run.info.artifact_uri).path)) / name

    return path


def change_record(path: Path, change) -> None:
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")


def different(found):
    return {one.what for one in found.compared if not one.is_identical}


def test_a_stored_run_is_trained_again_with_the_same_bits(train, again, steps):
    trained = train(dataset={"name": "digits", "subset": 100, "validation": 20})
    n_steps = len(steps)
    found = again(trained)
    assert len(steps) == 2 * n_steps
    assert found.is_identical
    assert found.environment == {}
    names = {one.what.partition(" ")[0] for one in found.compared}
    assert names > {"state", "predictions", "weights", "test/loss", "validation/accuracy"}
    assert sum(one.what.startswith("weights ") for one in found.compared) == 10


def test_a_run_of_every_random_stream_is_trained_again_with_the_same_bits(train, again):
    control = {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1, "dropout": 0.5}}
    recipe = {"epochs": 2, "batch_size": 32, "augmentation": "shift", "schedule": "cosine"}
    trained = train(control=control, recipe=recipe, seeds=[5], root_seed=3, curves="test")
    assert again(trained).is_identical


def test_a_run_trained_by_a_worker_process_is_the_same_here(options, tiny, again):
    spec = parse_study(tiny(**ALONE))
    (trained,) = run_study(spec, replace(options, executor="local", workers=1))
    assert again(trained).is_identical


def test_nothing_is_stored_by_it(train, again, children_of, home):
    trained = train()
    files = {path for path in home.rglob("*") if path.is_file()}
    before = [(run.info.run_id, run.info.end_time) for run in children_of("tiny")]
    again(trained)
    assert [(run.info.run_id, run.info.end_time) for run in children_of("tiny")] == before
    assert not list(Outbox(home / ".ablations").entries())
    new = {path for path in home.rglob("*") if path.is_file()} - files
    assert not [path for path in new if not path.name.startswith("mlflow.db")]


def test_it_starts_from_the_start_and_tells_every_epoch(train, again, options, tiny):
    trained = train()
    events = []
    again(trained, observe=events.append)
    assert [one.epoch.number for one in events if isinstance(one, EpochEnded)] == [1, 2]


def test_weights_that_were_touched_are_told_with_how_far(train, again, stored_file):
    trained = train()
    path = stored_file("weights.pt")
    state = torch.load(path, weights_only=True)
    state["output.bias"][0] += 0.25
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.write_bytes(buffer.getvalue())
    found = again(trained)
    assert not found.is_identical
    (one,) = [one for one in found.compared if not one.is_identical]
    assert (one.what, one.n_different) == ("weights output.bias", 1)
    assert one.largest == pytest.approx(0.25)


def test_a_loss_that_was_touched_is_told(train, again, stored_file):
    trained = train()

    def touch(plain):
        plain["curves"]["train/loss"][0] += 0.5

    change_record(stored_file("record.json"), touch)
    assert different(again(trained)) == {"train/loss by epoch"}


def test_a_diverged_run_diverges_again_in_the_same_epoch(train, again):
    trained = train(**DIVERGING)
    assert trained.state is RunState.DIVERGED
    found = again(trained)
    assert found.is_identical
    assert {"state", "diverged in epoch"} <= {one.what for one in found.compared}


def test_a_run_that_ends_otherwise_now_is_told(train, again, stored_file):
    trained = train(**DIVERGING)

    def later(plain):
        plain["diverged_epoch"] += 1

    change_record(stored_file("record.json"), later)
    assert different(again(trained)) == {"diverged in epoch"}


def test_a_run_of_another_environment_says_what_is_not_the_same(
    train, again, stored_file, children_of, store_uri
):
    trained = train()

    def move(plain):
        plain["environment"] |= {"torch": "1.0", "threads": 8}

    change_record(stored_file("record.json"), move)
    (run,) = children_of("tiny")
    MlflowStore(store_uri).client.set_tag(run.info.run_id, record.TAG_ENV_KEY, "elsewhere")
    found = again(trained)
    assert found.environment == {"torch": ("1.0", torch.__version__), "threads": (8, 1)}
    assert found.is_identical


def test_the_newest_attempt_of_this_environment_counts(
    train, again, options, tiny, children_of, store_uri
):
    trained = train()
    spec = parse_study(tiny(**ALONE))
    for _ in range(2):
        run_study(spec, replace(options, fresh=True))
    assert again(trained).stored.attempt == 3
    newest = children_of("tiny")[-1]
    MlflowStore(store_uri).client.set_tag(newest.info.run_id, record.TAG_ENV_KEY, "elsewhere")
    assert again(trained).stored.attempt == 2


def test_an_edited_plug_in_is_refused_before_it_is_trained(
    train, again, fragile, forget_variants, steps
):
    load_plugin(fragile)
    trained = train(control="fragile", plugins=["fragile.py"])
    assert again(trained).is_identical
    forget_variants()
    n_steps = len(steps)
    with pytest.raises(SpecError, match=r"variant 'fragile' is not registered.*--plugin"):
        again(trained)
    fragile.write_text(fragile.read_text() + "\n# an edit\n")
    load_plugin(fragile)
    with pytest.raises(SpecError, match=r"the source of the plug-in was '[0-9a-f]{64}', is '"):
        again(trained)
    assert len(steps) == n_steps


def test_a_raised_revision_is_refused_by_its_name(train, again, monkeypatch):
    trained = train()
    monkeypatch.setattr(record, "TRAINING_REVISION", 2)
    with pytest.raises(SpecError) as caught:
        again(trained)
    assert caught.value.problems == ("the revision of the training code was 1, is 2",)
    assert trained.run_key[:16] in caught.value.where


def test_other_data_under_the_same_name_are_refused(home, options, tiny, again):
    def write(seed):
        images = np.random.default_rng(seed).integers(0, 256, (40, 8, 8), dtype=np.uint8)
        labels = np.arange(40) % 4
        np.savez("own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)

    write(0)
    spec = parse_study(tiny(**ALONE, dataset="npz:own.npz"))
    (trained,) = run_study(spec, options)
    assert again(trained).is_identical
    write(1)
    with pytest.raises(SpecError, match="the content of the data was"):
        again(trained)
    Path("own.npz").unlink()
    with pytest.raises(DataError, match=r"own\.npz"):
        again(trained)


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({"n_layers": 3}, SpecError, "cannot read what was trained: unknown keys"),
        ({"recipe": {"epochs": 0}}, SpecError, "cannot read what was trained: 1 validation error"),
        ({"levels": {"activaton": "relu"}}, LevelError, "activaton"),
        ({"seed": 9}, SpecError, "seed was 0, is 9"),
        ({"seed": 9, "identity": {}}, SpecError, "its key is not the one this code gives"),
    ],
)
def test_a_record_that_is_not_of_this_run_is_refused(
    train, again, stored_file, changes, kind, told
):
    trained = train()
    change_record(stored_file("record.json"), lambda plain: plain["spec"].update(changes))
    with pytest.raises(kind, match=told):
        again(trained)


def test_a_record_from_before_identities_were_kept_is_replayed(train, again, stored_file):
    trained = train()
    change_record(stored_file("record.json"), lambda plain: plain["spec"].pop("identity"))
    assert again(trained).is_identical


@pytest.mark.parametrize("name", ["record.json", "weights.pt", "examples.npz"])
def test_a_run_whose_files_are_lost_has_nothing_to_compare_with(train, again, stored_file, name):
    trained = train()
    stored_file(name).unlink()
    with pytest.raises(StoreError, match=f"has lost its {name}"):
        again(trained)


def test_a_store_that_is_not_there_is_told(home):
    with pytest.raises(RunNotFoundError, match="is not there; run a study"):
        replay("abcdef", f"sqlite:///{home}/mlflow.db")
    assert not list(home.iterdir())


def held(run_key, state=RunState.FINISHED, arm="control", seed=0):
    return StoredRun("id", "example", run_key, "here", 1, state, arm=arm, seed=seed)


def test_a_run_is_found_by_the_first_digits_of_its_key():
    runs = [held("abcdef01"), held("abcdef01", RunState.DIVERGED), held("abc")]
    assert find_run(runs, "abcdef") == runs[:2]


@pytest.mark.parametrize("prefix", ["", "abcde", "ABCDEF", "abcdeg", "a" * 65, "abcd/*"])
def test_what_is_no_beginning_of_a_key_is_refused(prefix):
    with pytest.raises(RunNotFoundError, match="must be 6 to 64 hexadecimal digits, got"):
        find_run([held("abcdef01")], prefix)


def test_a_beginning_of_several_runs_is_refused_with_the_candidates():
    runs = [held("abcdef01"), held("abcdef02", arm="relu", seed=4), held("123456")]
    with pytest.raises(RunNotFoundError) as caught:
        find_run(runs, "abcdef")
    assert str(caught.value).splitlines() == [
        "run key: several runs begin with 'abcdef'; give more digits",
        "  abcdef01  example: control s0",
        "  abcdef02  example: relu s4",
    ]


def test_an_unknown_beginning_is_refused_with_what_there_is():
    runs = [held(f"{number:08x}") for number in range(25)]
    with pytest.raises(RunNotFoundError) as caught:
        find_run(runs, "abcdef")
    lines = str(caught.value).splitlines()
    assert lines[0] == "run key: none of the 25 runs in the store begins with 'abcdef'"
    assert len(lines) == 22
    assert lines[-1] == "  and 5 more"


def test_a_run_without_an_outcome_cannot_be_compared_with():
    with pytest.raises(RunNotFoundError, match="no outcome to compare with, only FAILED, OOM"):
        find_run([held("abcdef", RunState.OOM), held("abcdef", RunState.FAILED)], "abcdef")
