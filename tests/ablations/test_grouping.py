"""Which runs share a stack, how many, and why others do not."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablations.grouping import grouped, run_bytes, shape_key, why_alone
from ablations.outcomes import Job
from ablations.probe_cards import ProbeSpec
from lenet_variants import registry

PLENTY = 10**12
CONTROL = {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}}


def keys(stacks):
    return [[job.run.run_key for job in stack.jobs] for stack in stacks]


@pytest.fixture(scope="module")
def made(plan):
    """Two arms of different shape with six seeds each."""
    return plan(seeds=6, arms=["softmax"], factors={"activation": ["sigmoid", "relu"]})


def jobs_of(planned):
    return [Job(run) for run in planned.runs]


def test_at_most_one_is_every_job_alone_without_a_reason(made):
    stacks = grouped(jobs_of(made), made.runs, most=1, memory_bytes=PLENTY)
    assert keys(stacks) == [[run.run_key] for run in made.runs]
    assert {(stack.size, stack.alone_because) for stack in stacks} == {(1, "")}


def test_a_stack_holds_runs_of_one_arm_or_shape_in_the_plans_order(made):
    stacks = grouped(jobs_of(made), made.runs, most=8, memory_bytes=PLENTY)
    assert [{job.run.arm for job in stack.jobs} for stack in stacks] == [
        {made.runs[0].arm},
        {made.runs[1].arm},
        {made.runs[2].arm},
    ]
    assert [[job.run.seed for job in stack.jobs] for stack in stacks] == [list(range(6))] * 3
    assert [stack.size for stack in stacks] == [6, 6, 6]


def test_runs_are_shared_out_so_that_no_stack_is_nearly_empty(made):
    stacks = grouped(jobs_of(made), made.runs, most=4, memory_bytes=PLENTY)
    assert [(stack.size, len(stack.jobs)) for stack in stacks] == [(3, 3)] * 6
    firsts = [stack.jobs[0].run.seed for stack in stacks]
    assert firsts == sorted(firsts)


def test_the_size_is_that_of_the_whole_plan_whatever_is_left(made):
    whole = grouped(jobs_of(made), made.runs, most=4, memory_bytes=PLENTY)
    rest = grouped(jobs_of(made)[9:], made.runs, most=4, memory_bytes=PLENTY)
    assert {stack.size for stack in rest} == {stack.size for stack in whole}
    assert sum(len(stack.jobs) for stack in rest) == 9


@given(n_done=st.integers(0, 18), most=st.integers(1, 20))
def test_every_job_is_in_one_stack_and_stacks_stand_in_order(made, n_done, most):
    jobs = jobs_of(made)[n_done:]
    stacks = grouped(jobs, made.runs, most=most, memory_bytes=PLENTY)
    assert Counter(chain.from_iterable(keys(stacks))) == Counter(job.run.run_key for job in jobs)
    positions = [[jobs.index(job) for job in stack.jobs] for stack in stacks]
    assert [one[0] for one in positions] == sorted(one[0] for one in positions)
    assert all(one == sorted(one) for one in positions)
    assert all(len(stack.jobs) <= stack.size <= max(most, 1) for stack in stacks)


SHARED = {
    "learning rate": {"recipe.learning_rate": [0.001, 0.1]},
    "weight decay": {"recipe.weight_decay": [0.0, 0.1]},
    "init": {"recipe.init": ["default", "kaiming"]},
    "schedule": {"recipe.schedule": ["constant", "cosine"]},
    "augmentation": {"recipe.augmentation": ["none", "flip"]},
    "gradient clipping": {"recipe.gradient_clip": [None, 1.0]},
}
APART = {
    "optimiser": {"recipe.optimizer": ["adam", "sgd"]},
    "batch size": {"recipe.batch_size": [32, 64]},
    "epochs": {"recipe.epochs": [1, 2]},
    "loss": {"recipe.loss": ["cross_entropy", "mse"]},
    "precision": {"recipe.precision": ["float32", "bfloat16"]},
    "activation": {"activation": ["sigmoid", "relu"]},
    "channels": {"channels": [[6, 16], [3, 8]]},
    "data": {"dataset.permutation": ["none", "fixed"]},
    "normalisation": {"dataset.normalise": ["unit", "standard"]},
}


@pytest.mark.parametrize("factors", SHARED.values(), ids=SHARED)
def test_arms_that_differ_only_in_recipe_share_a_stack(plan, factors):
    planned = plan(factors=factors, seeds=2)
    (stack,) = grouped(jobs_of(planned), planned.runs, most=8, memory_bytes=PLENTY)
    assert (len(stack.jobs), stack.size) == (4, 4)


@pytest.mark.parametrize("factors", APART.values(), ids=APART)
def test_runs_of_other_programs_or_images_do_not(plan, factors):
    planned = plan(factors=factors, seeds=2)
    stacks = grouped(jobs_of(planned), planned.runs, most=8, memory_bytes=PLENTY)
    assert [stack.size for stack in stacks] == [2, 2]
    assert len({shape_key(run) for run in planned.runs}) == 2


def alone(planned, **changes):
    given = {"most": 8, "memory_bytes": PLENTY, **changes}
    stacks = grouped(jobs_of(planned), planned.runs, **given)
    assert {stack.size for stack in stacks} == {1}
    assert len(stacks) == len(planned.runs)
    (reason,) = {stack.alone_because for stack in stacks}
    return reason


def only(plan, **changes):
    return plan(**{"design": "arms", "factors": {}, "control": CONTROL, "seeds": 3, **changes})


def test_dropout_is_trained_alone_and_the_reason_names_its_layers(plan):
    control = {"variant": "lenet", "levels": {**CONTROL["levels"], "dropout": 0.5}}
    reason = alone(only(plan, control=control))
    assert reason == "drop1, drop2 would draw other numbers in a stack"


def test_the_only_run_of_its_shape_is_trained_alone(plan):
    assert alone(only(plan, seeds=1)) == "no other run has its shape"


def test_networks_too_large_for_two_are_trained_alone(plan):
    planned = only(plan)
    needed = run_bytes(planned.runs[0])
    assert alone(planned, memory_bytes=needed).startswith("two of it need more than the memory of")


def test_memory_bounds_a_stack(plan):
    planned = only(plan, seeds=8)
    needed = run_bytes(planned.runs[0])
    stacks = grouped(jobs_of(planned), planned.runs, most=8, memory_bytes=int(3 * needed / 0.7) + 1)
    assert [stack.size for stack in stacks] == [3, 3, 3]  # 3 and 3 and 2


def test_what_a_run_needs_grows_with_its_batch_and_its_network(plan):
    small, batch, wide = (
        run_bytes(only(plan, **changes).runs[0])
        for changes in (
            {},
            {"recipe": {"epochs": 1, "batch_size": 64}},
            {"control": {"variant": "lenet-wide", "levels": CONTROL["levels"]}},
        )
    )
    assert small < batch
    assert small < wide


def test_what_is_only_probed_is_no_part_of_a_stack(made):
    jobs = jobs_of(made)
    jobs[4] = Job(jobs[4].run, (ProbeSpec("shift"),), b"weights")
    stacks = grouped(jobs, made.runs, most=8, memory_bytes=PLENTY)
    assert [stack.size for stack in stacks if stack.jobs[0].weights is not None] == [1]
    assert sorted(len(stack.jobs) for stack in stacks) == [1, 5, 6, 6]


PLUGINS = '''
import torch
from torch import nn
from lenet_variants.registry import register_variant


class Branching(nn.Module):
    """Asks for a number of its input, which no stack can answer for all runs at once."""

    def __init__(self, n_pixels, n_classes):
        super().__init__()
        self.output = nn.Linear(n_pixels, n_classes)

    def forward(self, images):
        flat = images.flatten(1)
        if images.device.type != "meta" and flat.mean().item() > 1e9:
            flat = flat / 2
        return self.output(flat)


@register_variant("branching", source="this test")
def branching(input_shape, n_classes):
    """One linear layer."""
    return Branching(input_shape[0] * input_shape[1] * input_shape[2], n_classes)
'''


def test_a_plugin_that_cannot_stack_is_trained_alone_and_says_why(plan, tmp_path, forget_plugins):
    file = tmp_path / "branching.py"
    file.write_text(PLUGINS)
    registry.load_plugin(str(file))
    planned = only(plan, control="branching")
    assert "vmap" in alone(planned)


def test_a_forward_that_draws_on_its_own_attributes_is_trained_alone(plan, forget_plugins):
    class Shuffling(torch.nn.Module):
        """Takes its inputs in an order of its own, which no state dict holds."""

        def __init__(self, n_classes):
            super().__init__()
            self.order = torch.randperm(64)
            self.output = torch.nn.Linear(64, n_classes)

        def forward(self, images):
            order = self.order.to(images.device)
            return self.output(images.flatten(1).index_select(1, order))

    @registry.register_variant("shuffling", source="this test")
    def shuffling(input_shape, n_classes):
        """One linear layer on shuffled pixels."""
        return Shuffling(n_classes)

    planned = only(plan, control="shuffling")
    assert alone(planned) == "its forward draws on more than its parameters and buffers"


def test_asking_draws_nothing_from_the_global_generator(run):
    one = run()
    before = torch.random.get_rng_state()
    assert why_alone(one) is None
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_that_cannot_be_built_is_left_to_its_own_run(plan, forget_plugins):
    broken = []

    @registry.register_variant("brittle", source="this test")
    def brittle(input_shape, n_classes):
        """One linear layer, until it breaks."""
        if broken:
            raise RuntimeError("its file is gone")
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, n_classes))

    planned = only(plan, control="brittle")
    broken.append(True)
    assert "it cannot be built" in alone(planned, memory_bytes=PLENTY)
