"""What is refused of a study once its data, its networks and the device are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ablations import pace
from ablations.errors import DataError, SpecError
from ablations.preparation import Prepared, RunOptions
from ablations.record import RunState, StoredRun
from ablations.study_file import parse_study


@pytest.fixture
def options(home) -> RunOptions:
    return RunOptions(work_dir=home / ".ablations", device="cpu", study_file=home / "study.yaml")


def test_tf32_on_a_cpu_is_refused(tiny, options):
    spec = parse_study(tiny(recipe={"precision": "tf32"}))
    with pytest.raises(SpecError, match=r"arm 'control': recipe\.precision 'tf32' needs cuda"):
        Prepared(spec, options)


@pytest.mark.parametrize(("batch_size", "validation"), [(33, 0), (1, 0), (49, 1)])
def test_batch_norm_over_a_last_batch_of_one_image_is_refused(
    tiny, options, batch_size, validation
):
    dataset = {"name": "digits", "subset": 100, "validation": validation}
    study = tiny(dataset=dataset, recipe={"batch_size": batch_size}, factors={"norm": ["batch"]})
    with pytest.raises(SpecError, match="last batch of one of") as caught:
        Prepared(parse_study(study), options)
    (problem,) = caught.value.problems
    assert problem.startswith("arm 'norm=batch': norm3, norm4 normalises over the batch and needs")


def test_batch_norm_of_maps_of_one_pixel_is_refused_like_that_of_units(tiny, options):
    control = {"variant": "lenet", "levels": {"channels": [3], "pooling": "none", "hidden": []}}
    dataset = {"name": "digits", "subset": 101, "image_size": [5, 5]}
    study = tiny(dataset=dataset, control=control, factors={"norm": ["batch"]}, seeds=1)
    study["recipe"]["batch_size"] = 50
    with pytest.raises(SpecError, match="arm 'norm=batch': norm1 normalises over the batch"):
        Prepared(parse_study(study), options)
    study["dataset"]["image_size"] = [6, 6]
    assert Prepared(parse_study(study), options).plan.arms


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        (
            {"only": ("relu",)},
            "--only: no arm 'relu' in this study; (arms: control, activation=relu)",
        ),
        ({"seeds": (0, 7)}, "--seeds: no seed 7 in this study (seeds: 0, 1)"),
    ],
)
def test_an_arm_or_a_seed_that_the_study_has_not_is_refused(tiny, options, choice, problem):
    with pytest.raises(SpecError) as caught:
        Prepared(parse_study(tiny()), replace(options, **choice))
    assert caught.value.problems == (problem,)


def test_a_device_that_does_not_exist_is_refused(tiny, options):
    with pytest.raises(SpecError, match=r"--device: .*\n.*must be one of .*, got 'tpu'"):
        Prepared(parse_study(tiny()), replace(options, device="tpu"))


def test_data_that_cannot_be_found_is_refused(tiny, options, home):
    spec = parse_study(tiny(dataset=f"npz:{home / 'none.npz'}"))
    with pytest.raises(DataError, match=r"none\.npz"):
        Prepared(spec, options)


def test_only_arms_with_runs_to_train_are_measured_and_their_pace_is_kept(tiny, options, cache):
    prepared = Prepared(parse_study(tiny()), replace(options, workers=1))
    done = [
        StoredRun("-", "tiny", run.run_key, prepared.env_key(run), 1, RunState.FINISHED)
        for run in prepared.plan.runs
        if run.arm == "control"
    ]
    found = prepared.measured(prepared.states(done))
    assert set(found) == {"activation=relu"}
    kept = found["activation=relu"].images_per_second
    (run, *_) = prepared.plan.runs
    assert pace.read() == {prepared.env_key(run): {run.n_macs: pytest.approx(kept * run.n_macs)}}
    told = prepared.estimate(done, prepared.states(done), found)
    assert told.sources == ("measured",)
    assert told.seconds == pytest.approx(2 * 2 * 100 / kept)  # seeds, epochs, images
    assert prepared.estimate(done, prepared.states(done)).sources == ("cached",)


def test_workers_share_the_time_on_a_cpu(tiny, options):
    prepared = Prepared(parse_study(tiny()), options)
    pace.keep({prepared.env_key(run): {run.n_macs: 1e6} for run in prepared.plan.runs})
    states = prepared.states([])
    alone, two = (
        Prepared(parse_study(tiny()), replace(options, workers=n)).estimate([], states).seconds
        for n in (1, 2)
    )
    assert two == pytest.approx(alone / 2)


def test_how_a_study_is_run_moves_no_key(tiny, options, home):
    """Workers, executors, folders and checkpoints change how long it takes, and nothing else."""
    spec = parse_study(tiny())
    plain = Prepared(spec, options)
    other = replace(
        options,
        workers=7,
        executor="local",
        work_dir=home / "elsewhere",
        checkpoint_seconds=0.0,
        retry_failed=True,
    )
    changed = Prepared(spec, other)
    assert changed.plan.to_dict() == plain.plan.to_dict()
    assert [*map(changed.env_key, changed.plan.runs)] == [*map(plain.env_key, plain.plan.runs)]
