"""The tables of how a study was made: the design card, the plan as stored, and what went wrong.

Called by `page` and `text`, like `tables`; copies and formats, and computes no statistic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reports.figures.captions import METHODS, RANDOMISED
from reports.figures.tables import arm_label, ordered_arms
from reports.figures.units import amount, spoken, unit_of
from reports.render import numbers
from reports.render.tables import Cell, Document, Head, Table, words, written

DIGEST = re.compile(r"\b[0-9a-f]{64}\b")

STATES = {
    "FINISHED": "finished, but not all was measured",
    "COLLAPSED": "collapsed: stayed near chance",
    "DIVERGED": "diverged",
    "OOM": "out of memory",
    "KILLED": "its worker died",
    "TIMEOUT": "took too long",
    "FAILED": "failed with an error",
}


def failure_table(results: Document) -> Table | None:
    """A row a run that something went wrong with; None where nothing did."""
    if not results["failures"]:
        return None
    metric = results["endpoint"]["metric"]
    heads = (
        Head("arm", is_number=False),
        Head("seed"),
        Head("what happened", is_number=False),
        Head("epoch"),
        Head(f"{spoken(metric)}{' (%)' if unit_of(metric).of_values else ''}"),
        Head("what it said", is_number=False),
    )
    rows = tuple(_failure_row(one, metric) for one in results["failures"])
    return Table("Every run that something went wrong with.", heads, rows)


def _failure_row(failure: Document, metric: str) -> tuple[Cell, ...]:
    epoch, value = failure["epoch"], failure["value"]
    return (
        words(arm_label(failure["arm"], failure["comparison"])),
        Cell(str(failure["seed"]), failure["seed"]),
        words(STATES.get(failure["state"], failure["state"].lower())),
        Cell(numbers.MISSING if epoch is None else str(epoch), epoch),
        Cell(numbers.value(value, unit_of(metric)), value),
        words(failure["message"]),
    )


def design_card(results: Document, provenance: Document) -> Table:
    """Was it fair? The design, what seeds draw, budgets, data, hardware and what was changed."""
    heads = (Head("what", is_number=False), Head("how", is_number=False))
    rows = tuple(
        (words(what), words(how))
        for what, how in (*_asked(results), *_fairness(results), *_made(provenance))
        if how
    )
    return Table("The study at a glance: what was varied, what was held equal.", heads, rows)


def _asked(results: Document) -> Iterable[tuple[str, str]]:
    endpoint, metric = results["endpoint"], results["endpoint"]["metric"]
    better = "higher" if endpoint["direction"] == "maximize" else "lower"
    yield "question", results["question"]
    yield "design", f"{results['design']}, {len(results['arms'])} arms"
    yield "endpoint", f"{spoken(metric)}, {better} is better"
    if endpoint["margin"] is not None:
        yield "margin", amount(endpoint["margin"], metric)
    yield "error rate", f"{endpoint['alpha']:g} for each family of contrasts"
    families = [one["family"] for one in results["contrasts"]]
    yield (
        "contrasts",
        ", ".join(f"{families.count(name)} {name}" for name in dict.fromkeys(families)),
    )
    methods = dict.fromkeys(one["method"] for one in results["contrasts"])
    yield "intervals", ", ".join(METHODS[name] for name in methods)


def _fairness(results: Document) -> Iterable[tuple[str, str]]:
    arms = ordered_arms(results)
    seeds = sorted({int(seed) for arm in arms for seed in arm["values"]})
    yield "seeds", f"{len(seeds)}: {', '.join(map(str, seeds))}" if seeds else "none finished"
    yield "what they draw", RANDOMISED
    looks = results["sequential"]
    tuning = results["tuning"]
    if tuning:
        told = sorted({arm["n_completed"] for arm in tuning["arms"]})
        yield (
            "tuning",
            f"{', '.join(map(str, told))} completed trials of each arm, {tuning['sampler']}",
        )
    yield "looks", ", ".join(map(str, looks["looks"])) + " pairs" if looks else "one, at the end"
    for key, what in (
        ("epochs", "epochs"),
        ("batch_size", "batch size"),
        ("optimizer", "optimizer"),
    ):
        yield what, _over_arms(arm["recipe"].get(key) for arm in arms)
    yield "learning rate", _over_arms(arm["recipe"].get("learning_rate") for arm in arms)
    for key, what in (
        ("name", "data set"),
        ("subset", "training images"),
        ("validation", "held out"),
    ):
        yield what, _over_arms(arm["dataset"].get(key) for arm in arms)
    yield "plan", results["plan"]["digest"]
    yield "deviations", "; ".join(results["plan"]["deviations"]) or "none"


def _over_arms(settings: Iterable[object]) -> str:
    """A setting that all arms share, or every one of them; empty where none says it."""
    said = list(dict.fromkeys(written(one) for one in settings if one is not None))
    return said[0] if len(said) == 1 else f"differs by arm: {', '.join(said)}" if said else ""


def _made(provenance: Document) -> Iterable[tuple[str, str]]:
    environments = list((provenance.get("environments") or {}).values())
    yield (
        "hardware",
        "; ".join(dict.fromkeys(str(one.get("device_model", "")) for one in environments)),
    )
    yield (
        "software",
        "; ".join(
            dict.fromkeys(
                f"torch {one.get('torch')}, Python {(one.get('software') or {}).get('python')}"
                for one in environments
            )
        ),
    )


def fact_table(caption: str, facts: Mapping[str, Any]) -> Table:
    """A nested mapping as two columns, the path of keys and the value.

    Of a digest in a path 8 digits are shown; the whole one is in the JSON beside the page.
    """
    heads = (Head("what", is_number=False), Head("value", is_number=False))
    return Table(caption, heads, tuple(_fact_rows(facts, "")))


def _short(digest: re.Match[str]) -> str:
    return digest[0][:8]


def _fact_rows(facts: Mapping[str, Any], prefix: str) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for key, item in facts.items():
        path = f"{prefix}{DIGEST.sub(_short, str(key))}"
        if isinstance(item, Mapping) and item:
            rows += _fact_rows(item, f"{path}.")
        else:
            rows.append((words(path), words(written(item))))
    return rows
