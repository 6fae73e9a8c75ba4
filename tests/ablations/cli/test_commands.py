from __future__ import annotations

import subprocess
import sys

import pytest

from ablations.study_file import load_study


def test_help_has_an_example_for_every_command_and_loads_nothing_heavy(process_environment):
    code = """
import sys
from typer.testing import CliRunner
from ablations.cli.commands import app, data_app
commands = [[c.name or c.callback.__name__] for c in app.registered_commands]
commands += [["data", c.name] for c in data_app.registered_commands]
for command in [[], *commands]:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0, (command, result.output)
    assert not command or f"Example: ablations {' '.join(command)}" in result.output, command
heavy = {"torch", "torchvision", "mlflow", "pandas", "seaborn", "matplotlib", "sklearn", "scipy"}
print(len(commands), sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(  # noqa: S603
        command, check=False, capture_output=True, text=True, env=process_environment
    )
    assert (done.stdout, done.stderr) == ("15 []\n", "")


def test_no_command_is_help(call):
    result = call()
    assert result.exit_code == 2
    assert "Usage: " in result.output


def test_init_writes_a_study_that_loads_and_never_overwrites(call, home):
    result = call("init", "mine.yaml")
    assert result.exit_code == 0
    assert "ablations run mine.yaml" in result.output
    assert load_study("mine.yaml").study == "my-study"
    again = call("init", "mine.yaml")
    assert again.exit_code == 2
    assert "mine.yaml: 1 problem\n  is there already; name another file" in again.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "none.yaml"), "none.yaml: 1 problem\n  cannot be read: No such file"),
        (("plan", "none.yaml"), "none.yaml: 1 problem\n  cannot be read: No such file"),
        (("run", "study.yaml", "--set", "seeds"), "must read path.to.key=value, got 'seeds'"),
        (("run", "study.yaml", "--set", "control=lenett"), "did you mean 'lenet'?"),
        (("run", "study.yaml", "--set", "sedes=3"), "did you mean 'seeds'?"),
        (("run", "study.yaml", "--set", "recipe.epochs=0"), "recipe.epochs: must be >= 1, got 0"),
        (("run", "study.yaml", "--device", "tpu"), "--device: 1 problem\n  must be one of auto, "),
        (("run", "study.yaml", "--executor", "ray"), "must be local or inline, got 'ray'"),
        (("report", "none"), "no study 'none'; run it first (stored: none)"),
        (("data", "fetch", "mnits"), "did you mean 'mnist'?"),
    ],
)
def test_bad_input_is_named_and_exits_2(call, tiny_file, store_uri, words, message):
    tiny_file()
    result = call(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_data_sets_are_listed_and_one_that_is_there_is_fetched(call):
    assert "fashion-mnist" in call("data", "list").output.split()
    assert call("data", "fetch", "digits").output.startswith("digits: ")
