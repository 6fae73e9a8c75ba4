"""What the tests of studies share: the real digits, a small study on them, and its plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from ablations import data, training
from ablations.arms import DataFacts
from ablations.data import Dataset
from ablations.errors import SpecError
from ablations.executors.base import Event
from ablations.executors.inline import InlineExecutor
from ablations.jobs import Stack, Worker, data_key
from ablations.outcomes import Job, Outcome
from ablations.plan import Plan, RunSpec, make_plan
from ablations.progress import Planned
from ablations.run_data import RunData, place
from ablations.spec import DataSpec, StudySpec
from ablations.study_file import parse_study
from ablations.training import Epoch, Trained
from lenet_variants import builders, catalogue, measure

CPU = torch.device("cpu")
SMALL = {
    "study": "example",
    "dataset": {"name": "digits", "subset": 100},
    "control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}},
    "factors": {"activation": ["sigmoid", "relu"]},
    "seeds": [0, 1],
    "recipe": {"epochs": 1, "batch_size": 32},
    "endpoint": {"metric": "test/accuracy", "margin": 0.02},
}


def small_study(**changes: Any) -> dict[str, Any]:
    """A study as YAML gives it, with the top-level keys `changes` put in."""
    return {**SMALL, **changes}


@pytest.fixture(scope="session")
def raw_study() -> Callable[..., dict[str, Any]]:
    return small_study


@pytest.fixture(scope="session")
def study() -> Callable[..., StudySpec]:
    """Makes the small study with some keys changed, checked."""
    return lambda **changes: parse_study(small_study(**changes))


@pytest.fixture
def problems_of(raw_study: Callable[..., dict[str, Any]]) -> Callable[..., list[str]]:
    """The problems of the small study with some keys changed; None takes a key out."""

    def problems(**changes: Any) -> list[str]:
        raw = {key: value for key, value in raw_study(**changes).items() if value is not None}
        with pytest.raises(SpecError) as caught:
            parse_study(raw, "bad.yaml")
        assert caught.value.where == "bad.yaml"
        return list(caught.value.problems)

    return problems


@pytest.fixture(scope="session")
def digits() -> Dataset:
    torch.set_num_threads(1)
    return data.load("digits")


@pytest.fixture(scope="session")
def plan(digits: Dataset) -> Callable[..., Plan]:
    """Makes the plan of the small study with some keys changed."""

    def check(spec: DataSpec) -> list[str]:
        return data.check_spec(spec, digits)

    facts = DataFacts(
        digits.digest, len(digits.train_labels), digits.input_shape, digits.n_classes, check
    )

    def make(**changes: Any) -> Plan:
        spec = parse_study(small_study(**changes))
        return make_plan(spec, {one.name: facts for one in spec.datasets}, measure)

    return make


@pytest.fixture(scope="session")
def run(plan: Callable[..., Plan]) -> Callable[..., RunSpec]:
    """Makes the one run of a study of one arm and one seed, with some keys changed."""

    def make(seed: int = 0, **changes: Any) -> RunSpec:
        alone = {"design": "arms", "factors": {}, "seeds": [seed], **changes}
        return plan(**alone).runs[0]

    return make


@pytest.fixture(scope="session")
def placed(digits: Dataset) -> Callable[[RunSpec], RunData]:
    """The data of a run, on the CPU."""
    return lambda run: place(data.prepare(digits, run.dataset), run, CPU)


@pytest.fixture(scope="session")
def train(placed: Callable[[RunSpec], RunData]) -> Callable[..., Trained]:
    """Trains a run alone, on its own data or others."""

    def trained(run: RunSpec, own: RunData | None = None) -> Trained:
        return training.train(run, own or placed(run), CPU, lambda _: None)

    return trained


class Poisoned(torch.Tensor):
    """A tensor that nothing may look at."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} read the test images")


@pytest.fixture(scope="session")
def poison() -> Callable[[RunData], RunData]:
    """The data of a run, whose test images nothing may look at."""
    return lambda data: replace(
        data,
        test=(data.test_images.as_subclass(Poisoned), data.test_labels.as_subclass(Poisoned)),
    )


@pytest.fixture(scope="session")
def worker(digits: Dataset) -> Callable[[Sequence[RunSpec]], Worker]:
    """A worker on the CPU with the data that runs ask for."""

    def make(runs: Sequence[RunSpec]) -> Worker:
        asked = {data_key(run.dataset): run.dataset for run in runs}
        return Worker({key: data.prepare(digits, spec) for key, spec in asked.items()}, "cpu")

    return make


@pytest.fixture(scope="session")
def perform(worker: Callable[[Sequence[RunSpec]], Worker]) -> Callable[..., Outcome]:
    """Does one job in this process."""

    def done(job: Job, on_epoch: Callable[[Job, Epoch], None] = lambda *_: None) -> Outcome:
        ((outcome,),) = worker([job.run]).perform(Stack((job,)), on_epoch)
        return outcome

    return done


@pytest.fixture(scope="session")
def told(
    plan: Callable[..., Plan], worker: Callable[[Sequence[RunSpec]], Worker]
) -> list[Event | Planned]:
    """The events of a real call of four jobs, the `Planned` first."""
    made = plan()
    jobs = tuple(Job(run) for run in made.runs)
    events: list[Event | Planned] = [
        Planned(made, {run.run_key: "new" for run in made.runs}, jobs, 1)
    ]
    InlineExecutor(worker(made.runs)).run([[Stack((job,)) for job in jobs]], events.append)
    return events


@pytest.fixture
def forget_plugins() -> Iterator[None]:
    """Takes the variants that a test registers out of the catalogue again."""
    before = catalogue.names()
    yield
    for name in set(catalogue.names()) - set(before):
        catalogue.remove(name)
        builders.remove(name)
