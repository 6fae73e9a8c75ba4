"""The command line as a person calls it, in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from typer.testing import CliRunner

from ablations.cli.commands import app

Call = Callable[..., Result]


@pytest.fixture(scope="session")
def call() -> Call:
    """Calls a command; `result.output` is what a terminal would show, errors included."""

    def run(*words: str) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
