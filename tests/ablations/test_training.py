"""The epoch loop: what a run may look at, its order, its checkpoints, its divergence."""

from __future__ import annotations

import pytest
import torch

from ablations import training
from ablations.checkpoints import Checkpoints
from ablations.evaluation import evaluate_test

CPU = torch.device("cpu")


RELU = {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}}


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_same_run_gives_the_same_bits_and_another_seed_others(run, train):
    first, again, other = (train(run(seed, control=RELU)) for seed in (0, 0, 1))
    assert torch.equal(weights(first.model), weights(again.model))
    assert first.curves == again.curves
    assert not torch.equal(weights(first.model), weights(other.model))


RESUMED = {
    "adam": {},
    "adamw": {"recipe": {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine"}},
    "sgd": {"recipe": {"optimizer": "sgd", "momentum": 0.9, "schedule": "onecycle"}},
    "augmented": {"recipe": {"augmentation": "shift", "warmup": 1.5}},
    "running averages": {"levels": {"norm": "batch"}},
    "dropout": {"levels": {"dropout": 0.5}},
    "validation": {"dataset": {"name": "digits", "subset": 100, "validation": 20}},
}


class Stop(Exception):  # noqa: N818 (a kill, as near as one process can have it)
    """Ends a training between two epochs."""


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
@pytest.mark.parametrize("stopped_at", [1, 3])
def test_a_run_that_goes_on_from_its_checkpoint_ends_with_the_same_bits(
    run, placed, train, tmp_path, changes, stopped_at
):
    control = {**RELU, "levels": {**RELU["levels"], **changes.get("levels", {})}}
    recipe = {"epochs": 5, "batch_size": 34, **changes.get("recipe", {})}
    data = {"dataset": changes["dataset"]} if "dataset" in changes else {}
    one = run(control=control, recipe=recipe, **data)
    kept = Checkpoints(tmp_path, seconds=0)

    def stop(epoch):
        if epoch.number == stopped_at:
            raise Stop

    with pytest.raises(Stop):
        training.train(one, placed(one), CPU, stop, kept.of("key", "here"))
    told = []
    resumed = training.train(one, placed(one), CPU, told.append, kept.of("key", "here"))
    whole = train(one)
    assert (resumed.resumed_epoch, whole.resumed_epoch) == (stopped_at, None)
    assert [epoch.number for epoch in told] == list(range(stopped_at + 1, 6))
    states = resumed.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert resumed.curves == whole.curves


def test_checkpoints_are_written_where_they_are_due_and_not_at_the_end(run, placed, tmp_path):
    one = run(recipe={"epochs": 3})
    often, seldom = (Checkpoints(tmp_path, seconds=s).of("key", "here") for s in (0, 999))
    training.train(one, placed(one), CPU, lambda _: None, seldom)
    assert seldom.read() is None
    training.train(one, placed(one), CPU, lambda _: None, often)
    assert len(often.read()["epochs"]) == 2


def test_root_seed_gives_other_bits(run, train):
    assert train(run()).curves != train(run(root_seed=1)).curves


def test_training_does_not_move_the_callers_random_state(run, train):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(run())
    assert torch.equal(torch.get_rng_state(), before)


def test_bits_do_not_depend_on_the_callers_random_state(run, train):
    torch.manual_seed(1)
    first = train(run())
    torch.manual_seed(2)
    assert torch.equal(weights(first.model), weights(train(run()).model))


def test_arms_of_a_seed_share_split_and_order(plan, train, monkeypatch):
    seen = {}
    step = training.train_step

    def watched(program, inputs, labels):
        seen[name].append((inputs.clone(), labels))
        return step(program, inputs, labels)

    monkeypatch.setattr(training, "train_step", watched)
    made = plan(dataset={"name": "digits", "subset": 100, "validation": 20}, arms=["mlp"])
    for one in made.runs:
        name = (one.seed, one.arm)
        seen[name] = []
        train(one)
    for seed in (0, 1):
        control, *others = (seen[seed, arm.name] for arm in made.arms)
        for other in others:
            assert all(
                torch.equal(mine, theirs)
                for pair in zip(control, other, strict=True)
                for mine, theirs in zip(*pair, strict=True)
            )
    assert not torch.equal(seen[0, "mlp"][0][1], seen[1, "mlp"][0][1])


def test_order_is_drawn_anew_every_epoch(run, train, monkeypatch):
    batches = []
    step = training.train_step

    def watched(program, inputs, labels):
        batches.append(labels)
        return step(program, inputs, labels)

    monkeypatch.setattr(training, "train_step", watched)
    one = run(recipe={"epochs": 3, "batch_size": 100})
    train(one)
    assert len(batches) == 3  # one step an epoch, and no step beside them
    assert all(torch.equal(batch.sort().values, batches[0].sort().values) for batch in batches)
    assert not torch.equal(batches[0], batches[1])


@pytest.mark.parametrize("curves", [None, "train", "validation"])
def test_training_does_not_read_the_test_images(run, placed, train, poison, curves):
    dataset = {"name": "digits", "subset": 100, "validation": 20}
    one = run(dataset=dataset, curves=curves, recipe={"epochs": 2})
    trained = train(one, poison(placed(one)))
    assert sorted(trained.curves) == [
        "train/accuracy",
        "train/loss",
        "validation/accuracy",
        "validation/loss",
    ]


def test_training_reads_the_test_images_every_epoch_if_their_curve_is_asked_for(
    run, placed, train, poison
):
    one = run(curves="test", recipe={"epochs": 2, "batch_size": 32})
    with pytest.raises(AssertionError, match="read the test images"):
        train(one, poison(placed(one)))
    trained = train(one)
    assert len(trained.curves["test/loss"]) == 2
    final = evaluate_test(trained.model, one, placed(one))
    assert trained.curves["test/loss"][-1] == final.loss


def test_recording_the_test_curve_moves_no_weight(run, train):
    plain, curved = train(run()), train(run(curves="test"))
    assert torch.equal(weights(plain.model), weights(curved.model))


def test_on_epoch_is_told_of_every_epoch_in_turn(run, placed):
    told = []
    one = run(recipe={"epochs": 3, "batch_size": 64})
    trained = training.train(one, placed(one), CPU, told.append)
    assert [epoch.number for epoch in told] == [1, 2, 3]
    assert told == trained.epochs
    assert all(epoch.seconds > 0 for epoch in told)


def test_divergence_is_found_in_its_epoch(run, train):
    one = run(control=RELU, recipe={"learning_rate": 1e30, "epochs": 4, "batch_size": 50})
    trained = train(one)
    assert trained.diverged_epoch == 1
    assert trained.epochs == []
    assert trained.curves == {}


def test_epochs_before_divergence_are_kept(run, train):
    # One batch an epoch: the first loss is that of the initial weights.
    one = run(control=RELU, recipe={"learning_rate": 1e30, "epochs": 4, "batch_size": 100})
    trained = train(one)
    assert trained.diverged_epoch == 2
    assert len(trained.epochs) == 1


def test_a_run_that_diverged_leaves_no_checkpoint_of_it(run, placed, tmp_path):
    one = run(control=RELU, recipe={"learning_rate": 1e30, "epochs": 4, "batch_size": 100})
    checkpoint = Checkpoints(tmp_path, seconds=0).of("key", "here")
    trained = training.train(one, placed(one), CPU, lambda _: None, checkpoint)
    assert trained.diverged_epoch == 2
    state = checkpoint.read()  # of the epoch before
    assert (state["step"], state["diverged_epoch"]) == (1, None)


def test_validation_loss_that_is_not_finite_is_divergence(run, train):
    dataset = {"name": "digits", "subset": 120, "validation": 20}
    recipe = {"learning_rate": 1e30, "epochs": 4, "batch_size": 100}
    trained = train(run(control=RELU, dataset=dataset, recipe=recipe))
    assert trained.diverged_epoch == 1
    assert trained.curves == {}


def test_finished_run_has_not_diverged(run, train):
    assert train(run()).diverged_epoch is None
