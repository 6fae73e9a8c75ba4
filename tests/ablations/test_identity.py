"""What identifies a training: held still, told apart, and found again under an older spelling."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ablations import identity, record
from ablations.arms import DataFacts
from ablations.plan import RunSpec, make_plan
from ablations.record import digest
from ablations.study_file import parse_study
from lenet_variants import measure
from lenet_variants.registry import load_plugin

FROZEN_FILE = Path(__file__).with_name("frozen_keys.json")
FROZEN = json.loads(FROZEN_FILE.read_text(encoding="utf-8"))
MOVED = """
{what}, {run}: the run_key moved from {then} to {now}, so every run stored under it is lost.
Its identity differs in: {told}
- an entry that was not there before: leave it out where it equals its default, and no key moves;
- numbers moved for the same entries: raise a revision (a card's, or TRAINING_REVISION), freeze the
  keys anew (python tests/ablations/test_identity.py), look at what moved, and say so in the
  CHANGELOG under "Changed numbers";
- the same training is spelled another way: raise KEY_SCHEMA in ablations/record.py, say in
  identity.FORMER how the schema before spelled it, and add a second file of frozen keys.
"""


def frozen_runs(case: dict[str, Any], folder: Path) -> dict[str, RunSpec]:
    """The runs of a frozen study by name; no file of data is read for it."""
    data = {**FROZEN["data"], "input_shape": tuple(FROZEN["data"]["input_shape"])}
    if "plugin" in case:
        plugin = folder / "frozen.py"
        plugin.write_text(case["plugin"], encoding="utf-8", newline="\n")
        load_plugin(plugin)
    spec = parse_study({**FROZEN["study"], **case["study"]})
    facts = {spec.dataset.name: DataFacts(**data, check=lambda _: ())}
    return {f"{run.arm} s{run.seed}": run for run in make_plan(spec, facts, measure).runs}


def freeze() -> None:
    """Write the keys anew as this code gives them: what moved is the file's diff."""
    with TemporaryDirectory() as folder:
        for case in FROZEN["cases"]:
            found = frozen_runs(case, Path(folder))
            for name in case["runs"]:
                run = found[name]
                case["runs"][name] = {"run_key": run.run_key, "identity": run.identity}
    FROZEN["schema"] = record.KEY_SCHEMA
    FROZEN_FILE.write_text(json.dumps(FROZEN, indent=1) + "\n", encoding="utf-8")


def test_the_frozen_keys_are_of_the_present_schema():
    assert FROZEN["schema"] == record.KEY_SCHEMA


@pytest.mark.parametrize("case", FROZEN["cases"], ids=lambda case: case["what"])
def test_no_key_has_moved(case, forget_plugins, tmp_path):
    found = frozen_runs(case, tmp_path)
    assert case["runs"]
    for name, then in case["runs"].items():
        run = found[name]
        told = identity.differences(then["identity"], run.identity) or "nothing but its spelling"
        assert run.run_key == then["run_key"], MOVED.format(
            what=case["what"], run=name, then=then["run_key"], now=run.run_key, told=told
        )


def test_the_frozen_keys_are_distinct_and_digests_of_what_is_written_beside_them():
    runs = [run for case in FROZEN["cases"] for run in case["runs"].values()]
    assert len({run["run_key"] for run in runs}) == len(runs) >= 20
    for run in runs:
        text = json.dumps(
            run["identity"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        assert run["run_key"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_frozen_keys_cover_every_recipe_key_and_every_key_of_the_data():
    runs = [run["identity"] for case in FROZEN["cases"] for run in case["runs"].values()]
    recipe = {key for run in runs for key in run["recipe"]}
    data = {key for run in runs for key in run["data"]}
    spec = parse_study(FROZEN["study"])
    assert recipe == set(type(spec.recipe).model_fields)
    assert data == set(type(spec.dataset).model_fields) - {"name"} | {"digest"}


def test_every_schema_before_this_one_says_how_it_spelled_an_identity():
    assert set(identity.FORMER) == set(range(1, record.KEY_SCHEMA))


def test_former_keys_are_those_of_each_schema_that_could_say_it(monkeypatch):
    monkeypatch.setattr(record, "KEY_SCHEMA", 3)
    olds = {2: lambda now: {**now, "schema": 2}, 1: lambda now: {"schema": 1, "old": now["new"]}}
    monkeypatch.setattr(identity, "FORMER", olds)
    now = {"schema": 3, "new": "x"}
    assert list(identity.former_keys(now)) == [
        digest({"schema": 2, "new": "x"}),
        digest({"schema": 1, "old": "x"}),
    ]
    monkeypatch.setitem(olds, 2, lambda _: None)
    assert list(identity.former_keys(now)) == []


def test_under_the_first_schema_nothing_has_a_former_key():
    assert list(identity.former_keys({"schema": 1})) == []


def test_keys_of_an_older_schema_are_replaced_wherever_they_stand():
    stored = {"arms": {"a": "old"}, "shown": [{"arm": "old", "seeds": [0]}, None], "old": "other"}
    assert identity.with_present_keys(stored, {"old": "new"}) == {
        "arms": {"a": "new"},
        "shown": [{"arm": "new", "seeds": [0]}, None],
        "old": "other",
    }
    assert identity.with_present_keys(stored, {}) == stored


def test_differences_are_told_by_path_with_what_was_and_what_is():
    then = {"training": 1, "recipe": {"epochs": 2, "loss": "mse"}, "code": {"revision": 1}}
    now = {"training": 1, "recipe": {"epochs": 3}, "code": {"plugin": "p"}}
    assert identity.differences(then, now) == {
        "code.plugin": (None, "p"),
        "code.revision": (1, None),
        "recipe.epochs": (2, 3),
        "recipe.loss": ("mse", None),
    }
    assert identity.differences(then, then) == {}


if __name__ == "__main__":
    freeze()
