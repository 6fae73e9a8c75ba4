"""The epoch loop: what a run may look at, its order, its checkpoints, its divergence."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ablations import training
from ablations.checkpoints import Checkpoints
from ablations.evaluation import evaluate_test
from ablations.training import Member

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
    assert_equal_weights(resumed.kept, whole.kept)


def test_a_checkpoint_without_the_weights_of_its_epochs_is_left(run, placed, tmp_path):
    one, kept = run(recipe={"epochs": 4}), Checkpoints(tmp_path, seconds=0)
    training.train(one, placed(one), CPU, lambda _: None, kept.of("key", "here"))
    state = kept.of("key", "here").read()
    del state["kept"]
    kept.of("key", "here").write(state)
    anew = training.train(one, placed(one), CPU, lambda _: None, kept.of("key", "here"))
    assert (anew.resumed_epoch, list(anew.kept)) == (None, [1, 2, 3])


def assert_equal_weights(one, other):
    assert list(one) == list(other)
    for epoch, held in one.items():
        assert all(torch.equal(held[name], value) for name, value in other[epoch].items())


def test_weights_are_kept_as_they_were_after_some_epochs(run, train):
    long = train(run(recipe={"epochs": 9}))
    assert list(long.kept) == [1, 2, 3, 5, 8]
    short = train(run(recipe={"epochs": 5})).model.state_dict()
    assert_equal_weights({5: long.kept[5]}, {5: short})
    assert not any(torch.equal(long.kept[3][name], value) for name, value in short.items())


def test_none_are_kept_of_a_trial_nor_of_a_large_network(run, train, monkeypatch):
    one = run(recipe={"epochs": 3})
    assert train(replace(one, trial=0)).kept == {}
    monkeypatch.setattr(training, "MOST_PARAMETERS", one.n_parameters)
    assert list(train(one).kept) == [1, 2]
    monkeypatch.setattr(training, "MOST_PARAMETERS", one.n_parameters - 1)
    assert train(one).kept == {}


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


@pytest.fixture
def together(run, placed):
    """Trains runs of these seeds in a stack, with checkpoints in a folder if there is one."""

    def train(seeds, size, *, folder=None, on_epoch=lambda _: None):
        members = []
        for seed in seeds:
            one = run(seed, control=RELU, recipe={"epochs": 4, "batch_size": 50})
            kept = Checkpoints(folder, seconds=0).of(one.run_key, "here") if folder else None
            members.append(Member(one, placed(one), on_epoch, kept))
        return training.train_together(members, CPU, size=size)

    return train


def bits(trained):
    return [(weights(one.model).tolist(), one.curves) for one in trained]


def test_a_stack_that_is_not_full_has_the_bits_of_a_full_one(together):
    assert bits(together([0, 1], 3)) == bits(together([0, 1, 2], 3))[:2]


def test_only_runs_that_were_asked_for_are_told_and_share_the_time(together):
    told = []
    trained = together([0, 1], 4, on_epoch=told.append)
    assert len(trained) == 2
    assert [epoch.number for epoch in told] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert all(
        [epoch.seconds for epoch in one.epochs] == [epoch.seconds for epoch in trained[0].epochs]
        for one in trained
    )


@pytest.fixture
def stopped(together, tmp_path):
    """A folder with the checkpoints of seeds 0 to 2, stopped in a stack after two epochs."""

    def stop(epoch):
        if epoch.number == 2:
            raise Stop

    with pytest.raises(Stop):
        together([0, 1, 2], 3, folder=tmp_path, on_epoch=stop)
    return tmp_path


@pytest.mark.parametrize("seeds", [[0, 1, 2], [2, 0]], ids=["all", "those that are left"])
def test_a_stack_goes_on_from_its_checkpoints_with_the_same_bits(together, stopped, seeds):
    resumed = together(seeds, 3, folder=stopped)
    assert [one.resumed_epoch for one in resumed] == [2] * len(seeds)
    whole = together(seeds, 3)
    assert bits(resumed) == bits(whole)
    for one, other in zip(resumed, whole, strict=True):
        assert_equal_weights(one.kept, other.kept)


@pytest.mark.parametrize(
    ("seeds", "size"),
    [([0, 1], 2), ([0], 1), ([0, 1, 3], 3)],
    ids=["smaller", "alone", "a new run"],
)
def test_checkpoints_that_are_not_of_such_a_stack_are_left(together, stopped, seeds, size):
    trained = together(seeds, size, folder=stopped)
    assert [one.resumed_epoch for one in trained] == [None] * len(seeds)
    assert bits(trained) == bits(together(seeds, size))


def test_a_run_that_diverged_in_a_stack_is_not_told_again_after_a_stop(run, placed, tmp_path):
    def members(on_epoch):
        for seed, rate in enumerate((0.01, 1e30)):
            recipe = {"epochs": 4, "batch_size": 100, "learning_rate": rate}
            one = run(seed, control=RELU, recipe=recipe)
            kept = Checkpoints(tmp_path, seconds=0).of(one.run_key, "here")
            yield Member(one, placed(one), on_epoch, kept)

    def stop(epoch):
        if epoch.number == 3:
            raise Stop

    with pytest.raises(Stop):
        training.train_together(list(members(stop)), CPU, size=2)
    told = []
    good, bad = training.train_together(list(members(told.append)), CPU, size=2)
    assert (good.diverged_epoch, bad.diverged_epoch, bad.resumed_epoch) == (None, 2, 3)
    assert (len(good.epochs), len(bad.epochs)) == (4, 1)
    assert [epoch.number for epoch in told] == [4]
