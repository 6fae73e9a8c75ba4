"""What the tests of whole studies share: a clean environment, a tiny study, a store, a count of
optimiser steps, and a plug-in that fails when told to.

No store here is a stand-in: each is MLflow on SQLite, copied from one whose tables are made once.
"""

from __future__ import annotations

import copy
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

# A busy machine is no mistake: nothing here is a timed test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TINY = {
    "study": "tiny",
    "question": "Does ReLU help?",
    "dataset": {"name": "digits", "subset": 100},
    "control": {"variant": "lenet", "levels": {"kernel_size": 3, "padding": 1}},
    "factors": {"activation": ["sigmoid", "relu"]},
    "seeds": 2,
    "recipe": {"epochs": 2, "batch_size": 32, "learning_rate": 0.01},
    "endpoint": {"metric": "test/accuracy", "margin": 0.02},
}

FRAGILE = '''
"""A small network whose forward fails as long as a file named `broken` lies beside it."""

from pathlib import Path

from torch import nn

from lenet_variants.registry import register_variant


class Fragile(nn.Module):
    def __init__(self, n_pixels: int, n_classes: int) -> None:
        super().__init__()
        self.output = nn.Linear(n_pixels, n_classes)

    def forward(self, images):
        if images.device.type != "meta" and Path(__file__).with_name("broken").exists():
            raise RuntimeError("this network is broken")
        return self.output(images.flatten(1))


@register_variant("fragile", source="this test")
def fragile(input_shape, n_classes):
    """One linear layer."""
    channels, height, width = input_shape
    return Fragile(channels * height * width, n_classes)
'''

MakeStudy = Callable[..., dict[str, Any]]
WriteStudy = Callable[..., Path]


def pytest_configure(config: pytest.Config) -> None:
    """MLflow calls what SQLAlchemy 2.1 deprecates; nothing of ours does."""
    config.addinivalue_line("filterwarnings", "ignore:.*noload.*loader strategy:DeprecationWarning")


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the person who runs the tests reaches them or the processes they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "ABLATIONS_DATA"):
            patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where paces are kept: a folder of the test's own, which is not there yet."""
    folder = tmp_path_factory.getbasetemp() / "caches" / uuid.uuid4().hex
    monkeypatch.setenv("ABLATIONS_CACHE", str(folder))
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Puts an empty store into a folder; copied, since MLflow needs seconds to make its tables."""
    from ablations.tracking.opening import open_client  # noqa: PLC0415 (most tests need no MLflow)

    made = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_client(f"sqlite:///{made}")

    def put(folder: Path) -> str:
        original, copied = sqlite3.connect(made), sqlite3.connect(folder / "mlflow.db")
        original.backup(copied)
        original.close()
        copied.close()
        return f"sqlite:///{folder / 'mlflow.db'}"

    return put


@pytest.fixture
def store_uri(home: Path, new_store: Callable[[Path], str]) -> str:
    """The store that a study in `home` uses by default."""
    return new_store(home)


@pytest.fixture(scope="session")
def tiny() -> MakeStudy:
    """Makes a study of four runs that train in an instant, with some top-level keys changed."""
    return lambda **changes: copy.deepcopy({**TINY, **changes})


@pytest.fixture
def tiny_file(home: Path, tiny: MakeStudy) -> WriteStudy:
    """Writes the tiny study with some keys changed; returns its path relative to `home`."""

    def write(**changes: Any) -> Path:
        path = Path("study.yaml")
        path.write_text(yaml.safe_dump(tiny(**changes), sort_keys=False), encoding="utf-8")
        return path

    return write


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by one device name an optimiser step of this process; every step still happens."""
    from ablations import training  # noqa: PLC0415 (torch)

    counted: list[str] = []
    step = training.train_step

    def counting(program: Any, inputs: Any, labels: Any) -> Any:
        counted.append(str(inputs.device))
        return step(program, inputs, labels)

    monkeypatch.setattr(training, "train_step", counting)
    return counted


@pytest.fixture(scope="session")
def forget_since() -> Callable[[tuple[str, ...]], None]:
    """Takes every variant out of the catalogue but those named."""
    from lenet_variants import builders, catalogue  # noqa: PLC0415 (torch)

    def forget(before: tuple[str, ...]) -> None:
        for name in set(catalogue.names()) - set(before):
            catalogue.remove(name)
            builders.remove(name)

    return forget


@pytest.fixture
def forget_variants(
    forget_since: Callable[[tuple[str, ...]], None],
) -> Iterator[Callable[[], None]]:
    """Takes out what the test has registered so far; called once more at its end."""
    from lenet_variants import catalogue  # noqa: PLC0415 (torch)

    before = catalogue.names()
    yield lambda: forget_since(before)
    forget_since(before)


@pytest.fixture(scope="session")
def fragile_source() -> str:
    """A plug-in whose variant `fragile` fails while a file `broken` lies beside it."""
    return FRAGILE


@pytest.fixture
def fragile(home: Path, fragile_source: str, forget_variants: Callable[[], None]) -> Path:
    """That plug-in in `home`; what it registers is forgotten after the test."""
    path = home / "fragile.py"
    path.write_text(fragile_source, encoding="utf-8")
    return path


@pytest.fixture
def children_of(store_uri: str) -> Callable[[str], list[Any]]:
    """MLflow's own runs of a study, or its trials by their kind, oldest first."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 (seconds to import)

    def children(study: str, uri: str = store_uri, kind: str = "run") -> list[Any]:
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(study)
        found = client.search_runs([experiment.experiment_id], f"tags.kind = '{kind}'")
        return sorted(found, key=lambda run: run.info.start_time)

    return children


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """Calls a command in this process; `result.output` is what a terminal shows, errors too."""
    from typer.testing import CliRunner  # noqa: PLC0415

    from ablations.cli.commands import app  # noqa: PLC0415

    def run(*words: object) -> Any:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def process_environment() -> dict[str, str]:
    """For a process that a test starts: its output comes line by line, and one thread is enough."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
