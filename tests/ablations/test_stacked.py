"""Stacks against the same runs alone, their bits, and what their steps may touch."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from launches import META, Launches, meta_data, runs, step_launches

from ablations import data, programs, stacked
from ablations.evaluation import evaluate_test
from ablations.programs import Alone
from ablations.run_data import place
from ablations.stacked import Stacked
from ablations.training import Member, train, train_together
from lenet_variants import names

CPU = torch.device("cpu")
ALL = [name for name in names() if name != "mlp-matched"]  # an mlp by another name
DRAWING = ["lenet-modern"]  # has dropout, and so is never stacked

# A kind of variant that stacks, as a control on 8x8 digits.
KINDS = {
    "plain": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}},
    "relu": {"variant": "lenet-relu", "levels": {"kernel_size": 3, "padding": 1}},
    "batch norm": {"variant": "lenet-bn", "levels": {"kernel_size": 3, "padding": 1}},
    "group norm": {
        "variant": "lenet",
        "levels": {"kernel_size": 3, "padding": 1, "norm": "group"},
    },
    "average pooling": {"variant": "lenet-avg", "levels": {"kernel_size": 3, "padding": 1}},
    "mlp": "mlp",
    "1998": {"variant": "lenet5-1998", "levels": {"kernel_size": 3, "padding": 1}},
    "locally connected": {
        "variant": "locally-connected",
        "levels": {"kernel_size": 3, "padding": 1},
    },
}
LARGE = {
    "batch norm": "lenet-bn",
    "average pooling": "lenet-avg",
    "mlp": "mlp",
    "1998": "lenet5-1998",
    "locally connected": "locally-connected",
    "relu": "lenet-relu",
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def double():
    """Weights, images and losses of 64 bits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=[False, True], ids=["as on a GPU", "as on a CPU"])
def path(request, monkeypatch):
    """Kernels take all runs at once, or where their place would matter each run by itself."""
    if not request.param:
        monkeypatch.setattr(stacked, "depends_on_place", lambda *_: False)


@pytest.fixture
def together(monkeypatch):
    """Kernels take all runs at once, whatever it does to the last bit."""
    monkeypatch.setattr(stacked, "depends_on_place", lambda *_: False)


@dataclass(frozen=True)
class Runs:
    """Runs of one arm and their data, to be trained together or each alone."""

    members: list[Member]

    def alone(self):
        return [train(one.run, one.data, CPU, one.on_epoch) for one in self.members]

    def together(self, size=None):
        return train_together(self.members, CPU, size=size or len(self.members))


def made(planned, raw):
    """The runs of a plan, with validation images so that evaluation is compared too."""
    prepared = data.prepare(raw, planned[0].dataset)
    return Runs([Member(run, _placed(prepared, run), lambda _: None) for run in planned])


def _placed(prepared, run):
    placed = place(prepared, run, CPU)
    wide = torch.get_default_dtype()
    return type(placed)(
        **{**vars(placed), "scale": placed.scale.to(wide), "shift": placed.shift.to(wide)}
    )


@pytest.fixture
def small(plan, digits):
    """Four runs of a kind on 200 digits: 128 images a step, which a CPU takes all together."""

    def make(kind, n=4, **recipe):
        planned = plan(
            design="arms",
            factors={},
            control=KINDS[kind],
            seeds=list(range(n)),
            dataset={"name": "digits", "subset": 200, "validation": 60},
            recipe={"epochs": 2, "batch_size": 32, "learning_rate": 0.003, **recipe},
        )
        return made(planned.runs, digits)

    return make


def losses(trained):
    """Every loss of every epoch, by run: (S, epochs, 2)."""
    return torch.tensor(
        [
            [
                [epoch.metrics[f"{split}/loss"] for split in ("train", "validation")]
                for epoch in one.epochs
            ]
            for one in trained
        ],
        dtype=torch.float64,
    )


def distance(one, other):
    """How far two trainings of the same runs are apart, by epoch and split."""
    return (losses(one) - losses(other)).abs().amax(dim=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_trains_as_its_runs_do_alone(small, double, path, kind):
    these = small(kind)
    assert distance(these.together(), these.alone()).max() < 1e-10


def test_a_wrong_seed_would_be_found(small, double, path):
    right, wrong = small("batch norm"), small("batch norm", n=5)
    swapped = Runs([*right.members[:3], wrong.members[4]])
    assert distance(swapped.together(), right.alone())[:, 0].min() > 1e-4


def test_stale_running_averages_would_be_found(small, double, path, monkeypatch):
    """Networks that do not look into the stack's buffers evaluate with those they began with."""
    held = stacked._rest_side_by_side

    def unseen(models):
        return {name: one.clone() for name, one in held(models).items()}

    monkeypatch.setattr(stacked, "_rest_side_by_side", unseen)
    these = small("batch norm")
    apart = distance(these.together(), these.alone())
    assert apart[:, 0].max() < 1e-10  # training uses the batch's own
    assert apart[:, 1].min() > 1e-4


RECIPES = {
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01, "learning_rate": 0.05},
    "clipped": {"gradient_clip": 0.3},
    "smoothed": {"label_smoothing": 0.1},
    "squared error": {"loss": "mse"},
    "scheduled": {"schedule": "onecycle"},
    "moved": {"augmentation": "shift"},
    "kaiming": {"init": "kaiming"},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_stack_trains_as_its_runs_do_alone_with_every_recipe(small, double, together, recipe):
    these = small("relu", **recipe)
    assert distance(these.together(), these.alone()).max() < 1e-10


def test_runs_of_a_stack_have_recipes_of_their_own(plan, digits, double, together):
    factors = {
        "recipe.learning_rate": [0.001, 0.01],
        "recipe.weight_decay": [0.0, 0.1],
        "recipe.schedule": ["constant", "cosine"],
        "recipe.augmentation": ["none", "flip"],
        "recipe.gradient_clip": [None, 0.5],
        "recipe.init": ["default", "lecun1998"],
    }
    planned = plan(
        factors=factors,
        control=KINDS["plain"],
        seeds=[3],
        dataset={"name": "digits", "subset": 200, "validation": 60},
    )
    these = made(planned.runs, digits)
    assert len(these.members) == 7
    assert distance(these.together(), these.alone()).max() < 1e-10


def parameters(trained):
    return torch.cat([one.detach().flatten() for one in trained.model.state_dict().values()])


@pytest.mark.parametrize(("n", "batch_size"), [(4, 32), (5, 64), (7, 20)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_neighbours_or_position(small, kind, n, batch_size):
    these = small(kind, n=2 * n - 1, batch_size=batch_size).members
    first = Runs(these[:n]).together()
    other = Runs([*these[n:], these[0]]).together()
    assert first[0].epochs[-1].metrics == other[-1].epochs[-1].metrics
    assert torch.equal(parameters(first[0]), parameters(other[-1]))


@pytest.mark.parametrize(("n", "parts"), [(4, 4), (3, 3)], ids=["whole", "run by run"])
def test_a_cpu_takes_a_stack_together_where_its_lanes_are_filled(small, monkeypatch, n, parts):
    """140 images in batches of 32 and a last one of 12: 48 and 36 images fill no lanes."""
    calls = []
    ours = Stacked._batch_loss
    monkeypatch.setattr(
        Stacked, "_batch_loss", lambda *given: calls.append(given[3].shape) or ours(*given)
    )
    small("plain", n=n, epochs=1).together()
    whole = 4 if n == 4 else 4 * parts
    assert len(calls) == whole + n


def test_a_stack_that_is_filled_up_has_the_bits_of_a_full_one(small):
    these = small("batch norm", n=4)
    full = these.together()
    filled = Runs(these.members[:2]).together(size=4)
    assert len(filled) == 2
    for mine, theirs in zip(filled, full, strict=False):
        assert mine.curves == theirs.curves
        assert torch.equal(parameters(mine), parameters(theirs))


def test_a_run_that_diverges_stops_alone(plan, digits):
    rates = {"recipe.learning_rate": [0.003, 1e30, 0.01]}
    planned = plan(
        factors=rates,
        control=KINDS["relu"],
        seeds=[0],
        recipe={"epochs": 3, "batch_size": 32, "learning_rate": 0.003},
    )
    these = made(planned.runs, digits)
    wild = [one.run.recipe.learning_rate for one in these.members].index(1e30)
    trained = these.together()
    assert [one.diverged_epoch for one in trained] == [1 if n == wild else None for n in range(3)]
    assert [len(one.epochs) for one in trained] == [0 if n == wild else 3 for n in range(3)]
    tame = [one for n, one in enumerate(these.members) if n != wild]
    again = Runs([*tame, tame[-1]]).together()
    beside = [one for n, one in enumerate(trained) if n != wild]
    for mine, theirs in zip(beside, again, strict=False):
        assert torch.equal(parameters(mine), parameters(theirs))


def test_a_stack_ends_when_all_of_its_runs_have_diverged(small):
    trained = small("relu", learning_rate=1e30, epochs=4).together()
    assert [one.diverged_epoch for one in trained] == [1, 1, 1, 1]


def test_networks_of_a_stack_are_trained_networks_like_any(small):
    these = small("batch norm")
    (first, *_), member = these.together(), these.members[0]
    model = programs.initial_model(member.run, CPU)
    model.load_state_dict({name: one.clone() for name, one in first.model.state_dict().items()})
    mine, theirs = (evaluate_test(one, member.run, member.data) for one in (model, first.model))
    assert (mine.loss, mine.accuracy) == (theirs.loss, theirs.accuracy)


def test_a_parameter_that_is_not_trained_stays(small, monkeypatch):
    initial = stacked.initial_model

    def half_frozen(run, device):
        model = initial(run, device)
        model.conv1.weight.requires_grad_(requires_grad=False)
        return model

    monkeypatch.setattr(stacked, "initial_model", half_frozen)
    these = small("plain")
    for one, member in zip(these.together(), these.members, strict=True):
        before = initial(member.run, CPU)
        assert torch.equal(one.model.conv1.weight, before.conv1.weight)
        assert not torch.equal(one.model.conv2.weight, before.conv2.weight)


@pytest.mark.slow
def test_the_step_can_be_compiled(small, double):
    """Without CUDA graphs, which need a card; the program is the same."""
    pytest.importorskip("torch._inductor")
    these = small("mlp", epochs=1)
    eager = these.together()
    graphed = train_together(these.members, CPU, size=4, compiled=True)
    assert distance(eager, graphed).max() < 1e-10


@pytest.mark.parametrize("variant", [name for name in ALL if name not in DRAWING])
def test_a_step_stays_on_its_device_and_reads_nothing_back(variant):
    planned = runs(variant, 2, gradient_clip=1.0, weight_decay=0.01, schedule="cosine")
    n_images = 2 * planned[0].recipe.batch_size
    program = Stacked(planned, META, n_images=n_images)
    assert step_launches(program, planned[0], 2).n > 0


@pytest.mark.parametrize("variant", ALL)
def test_a_step_alone_stays_on_its_device_and_reads_nothing_back(variant):
    # The other optimisers of torch refuse to run without numbers.
    (planned,) = runs(variant, 1, optimizer="sgd")
    program = Alone(planned, META, n_images=2 * planned.recipe.batch_size)
    assert step_launches(program, planned, 1).n > 0


def test_launches_of_a_lenet_in_a_stack_of_32_are_at_most_4_a_run():
    planned = runs("lenet", 32)
    program = Stacked(planned, META, n_images=2 * planned[0].recipe.batch_size)
    assert step_launches(program, planned[0], 32).n <= 4 * 32


def test_a_read_or_a_tensor_of_the_host_would_be_found():
    (planned,) = runs("softmax", 1)
    images = meta_data(planned, 4).images
    with pytest.raises(AssertionError, match="cpu"), Launches():
        images.float() * torch.ones(28)
    with pytest.raises(AssertionError, match="copies a number out"), Launches():
        images.float().sum().item()


# The whole promise, on images of the study's own size. What a float32 rounds is measured: the same
# runs alone, from weights that are one unit in the last place away.

EPOCHS, N_NUDGES = 5, 3
INITIAL = programs.initial_model


@pytest.fixture(scope="module")
def fashion():
    return data.load("fashion-mnist")


def large(variant, raw, n=8, **recipe):
    planned = runs(
        variant,
        n,
        dataset={"name": "fashion-mnist", "subset": 2000, "validation": 500},
        epochs=EPOCHS,
        batch_size=256,
        learning_rate=0.003,
        **recipe,
    )
    return made(planned, raw)


def nudged(number):
    """Makes a run's network with each weight one unit in the last place up or down."""

    def make(run, device):
        model = INITIAL(run, device)
        generator = torch.Generator().manual_seed(1000 * number + run.seed)
        with torch.no_grad():
            for one in model.parameters():
                up = torch.rand(one.shape, generator=generator) < 0.5
                far = torch.where(up, torch.inf, -torch.inf).to(one.dtype)
                one.copy_(torch.nextafter(one, far))
        return model

    return make


@pytest.mark.slow
@pytest.mark.parametrize("variant", LARGE.values(), ids=LARGE)
def test_losses_of_a_stack_of_8_are_those_alone_in_float64(fashion, double, together, variant):
    these = large(variant, fashion)
    assert distance(these.together(), these.alone()).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("variant", LARGE.values(), ids=LARGE)
def test_losses_of_a_stack_of_8_are_within_twice_the_rounding_alone(
    fashion, together, monkeypatch, variant
):
    these = large(variant, fashion)
    alone, stack = losses(these.alone()), losses(these.together())
    moved = [alone]
    for number in range(N_NUDGES):
        monkeypatch.setattr(programs, "initial_model", nudged(number))
        moved.append(losses(these.alone()))
    every = torch.stack(moved)
    spread = (every.amax(dim=0) - every.amin(dim=0)).amax(dim=0).cummax(dim=0).values
    last_place = torch.finfo(torch.float32).eps * alone.amax(dim=0)  # of a loss itself
    assert ((stack - alone).abs().amax(dim=0) <= 2 * spread + last_place).all()
