"""From MLflow to tables: the only reader of stored results.

Which runs a study has, and the arm each belongs to, comes from the plan stored with it; MLflow's
tags only find the runs. Called by the command line; `reports.analysis` never sees MLflow.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ablations import history
from ablations import record as names
from ablations.errors import StoreError, StudyNotFoundError
from ablations.probe_cards import ProbeSpec
from ablations.record import RunRecord, RunState
from ablations.tracking.opening import reaching
from ablations.tracking.store import exists, tracking_uri
from reports.filters import Filters
from reports.per_class import Labels, Predictions
from reports.plan import AnalysisPlan, ArmFacts, ClaimSpec, ContrastSpec, Endpoint
from reports.reading import Reader, key_of, newest_attempts
from reports.statistics.classes import IntArray
from reports.tuning import Tuning

Correct = npt.NDArray[np.bool_]
FILTERS = "filters"
_Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class StudyTables:
    """A stored study as tables.

    Attributes:
        plan_json: `plan.json` as stored.
        plan: What `analyse` needs of it.
        runs: A row a run, see `reports.table`; a planned run that has no record has no row.
        curves: A row a run and epoch.
        examples: Whether each test image was classified rightly, by run key.
        predictions: As what, and the labels; without labels where an older version stored it.
        tuning: `tuning.json`; None where the study has not tuned.
        filters: Pictures of the first layer, by run key, of the runs that have some.
        records: The record of every run in `runs`, by run key.
        parent_run_id: MLflow's id of the study's parent run.
        experiment_id: MLflow's id of the study's experiment.
        claims_stored_ms: When each claim was first stored, by its digest.
        ended_ms: When a driver of the study last ended, before its runs were read; 0 if none has.
    """

    plan_json: Mapping[str, Any]
    plan: AnalysisPlan
    runs: pd.DataFrame
    curves: pd.DataFrame
    examples: Mapping[str, Correct]
    predictions: Predictions
    tuning: Tuning | None
    filters: Filters
    records: Mapping[str, RunRecord]
    parent_run_id: str
    experiment_id: str
    claims_stored_ms: Mapping[str, int]
    ended_ms: int


def collect_runs(study: str, uri: str | None = None) -> pd.DataFrame:
    """A row a run of a stored study, with a column per factor and per metric.

    Args:
        study: Its name.
        uri: The MLflow store; by default the one that studies use.

    Raises:
        StudyNotFoundError: The store has no study of that name.
        StoreError: The store cannot be reached.
    """
    return collect_study(study, uri, with_examples=False).runs


def collect_study(study: str, uri: str | None = None, *, with_examples: bool = True) -> StudyTables:
    """Everything a report needs of a stored study.

    Of a run's attempts the newest in the study's newest environment counts.

    Raises:
        StudyNotFoundError: The store has no study of that name.
        StoreError: The store cannot be reached.
    """
    place = tracking_uri(uri)
    if not exists(place):
        raise StudyNotFoundError(
            f"store {place}: is not there; run study {study!r} first, or give the --tracking-uri "
            "of the store that holds it"
        )
    store = Reader(place)
    with reaching(store.uri):
        return _collect(store, study, with_examples=with_examples)


def _collect(store: Reader, study: str, *, with_examples: bool) -> StudyTables:
    experiment, parent = store.parent(study)
    held = {item.path for item in store.client.list_artifacts(parent.info.run_id)}
    if names.PLAN_FILE not in held:
        raise StoreError(
            f"tracking store {store.uri}: study {study!r} has no {names.PLAN_FILE}: its driver was "
            "stopped before it stored one, or its artifacts were moved; run the study again, or "
            "move them back"
        )
    plan_json = store.parsed(parent, names.PLAN_FILE, json.loads)
    names.check_schema(plan_json, names.KEY_SCHEMA, f"{names.PLAN_FILE} of study {study!r}")
    past = store.parsed(parent, names.HISTORY_FILE, json.loads)
    plan = analysis_plan(plan_json, past)
    chosen = newest_attempts(
        store.children(experiment), {run["run_key"] for run in plan_json["runs"]}
    )
    records = dict(
        zip(map(key_of, chosen), store.each(chosen, names.RECORD_FILE, _record), strict=True)
    )
    finished = [run for run in chosen if records[key_of(run)].state is RunState.FINISHED]
    answered = finished if with_examples else []
    answers = dict(
        zip(map(key_of, answered), store.each(answered, names.EXAMPLES_FILE, _arrays), strict=True)
    )
    asked = [ProbeSpec.parse(one) for one in plan_json["probes"]]
    pictured = [
        run
        for run in answered
        if any(one.name == FILTERS and _is_as_asked(run, one) for one in asked)
    ]
    pictures = store.each(pictured, names.FILTERS_FILE, _arrays)
    labels = _labels(store, parent, plan_json, held) if with_examples else {}
    is_tuned = "tuning" in plan_json and names.TUNING_FILE in held
    tuning = store.parsed(parent, names.TUNING_FILE, json.loads) if is_tuned else None
    probed = {
        key: _probed(run, records[key], asked) for key, run in zip(records, chosen, strict=True)
    }
    return StudyTables(
        plan_json=plan_json,
        plan=plan,
        runs=_run_table(plan_json, records, probed, tuning),
        curves=_curve_table(plan_json, records),
        examples={key: _correct(arrays) for key, arrays in answers.items()},
        predictions=Predictions(_predicted(answers, labels, plan_json), labels),
        tuning=tuning,
        filters=dict(zip(map(key_of, pictured), pictures, strict=True)),
        records=records,
        parent_run_id=parent.info.run_id,
        experiment_id=experiment,
        claims_stored_ms={
            key: one.stored_ms for key, one in history.claims_past(past, plan_json).items()
        },
        ended_ms=parent.info.end_time or 0,
    )


def analysis_plan(plan_json: Mapping[str, Any], past: history.History) -> AnalysisPlan:
    """What `analyse` needs, from a study's stored plan and its history."""
    arms = tuple(
        ArmFacts(
            name=arm["name"],
            variant=arm["variant"],
            dataset={
                **arm["dataset"],
                "n_classes": arm["n_classes"],
                "input_shape": arm["input_shape"],
            },
            levels=arm["levels"],
            recipe=arm["recipe"],
            changes=arm["changes"],
            n_parameters=arm["n_parameters"],
            n_macs=arm["n_macs"],
            n_connections=arm["n_connections"],
            growth=tuple(arm["growth"]),
            megapixel=arm.get("megapixel", {}),
            control=arm.get("control", plan_json["control"]),
            family=arm.get("family", ""),
            matched_to=arm.get("matched_to"),
            tuned_recipe=plan_json.get("tuned", {}).get(arm["name"], {}),
        )
        for arm in plan_json["arms"]
    )
    claimed = history.claims_past(past, plan_json)
    return AnalysisPlan(
        control=plan_json["control"],
        factors=plan_json["factors"],
        endpoint=Endpoint(**plan_json["endpoint"]),
        contrasts=tuple(ContrastSpec(**item) for item in plan_json["contrasts"]),
        claims=tuple(
            ClaimSpec.planned(one, claimed[one["digest"]]) for one in plan_json.get("claims", ())
        ),
        seeds=tuple(plan_json["seeds"]),
        looks=tuple(plan_json["looks"]) if "looks" in plan_json else None,
        study=plan_json["study"],
        question=plan_json["question"],
        arms=arms,
        design=plan_json["design"],
        digest=plan_json["digest"],
        history=tuple({"digest": item["digest"], "seeds": item["seeds"]} for item in past[:-1]),
        deviations=tuple(history.deviations(past, plan_json)),
        accepted=tuple(plan_json.get("accept", ())),
        n_gone=history.n_gone(past, plan_json),
        shown={name: tuple(seeds) for name, seeds in history.shown_seeds(past, plan_json).items()},
        shown_looks={
            name: tuple(looks) for name, looks in history.shown_looks(past, plan_json).items()
        },
    )


def _probed(
    run: Any, record: RunRecord, asked: Sequence[ProbeSpec]
) -> tuple[dict[str, float], list[str]]:
    """What probes measured of a run as they are now asked for, and which were measured otherwise.

    MLflow keeps every metric, also those of former revisions of a probe and of other samples.
    """
    n_epochs = record.spec["recipe"]["epochs"]
    found, outdated = {}, []
    for one in asked:
        if not _is_as_asked(run, one):
            outdated += [one.name] if names.TAG_PROBE_PREFIX + one.name in run.data.tags else []
            continue
        measures = one.card.measures(n_epochs)
        for name, value in run.data.metrics.items():
            group, _, own = name.partition(f"/{one.name}/")
            is_own = own in one.card.metrics or own.partition("/")[0] in measures
            if (group == "probe" and is_own) or (group == "cost" and own):
                found[name] = value
    return found, outdated


def _is_as_asked(run: Any, probe: ProbeSpec) -> bool:
    """Whether a run has what the probe yields as it is now, on the sample that is asked for."""
    tag = run.data.tags.get(names.TAG_PROBE_PREFIX + probe.name)
    return bool(tag == names.probe_key(key_of(run), probe))


def _outdated_text(outdated: Sequence[str]) -> str:
    if not outdated:
        return ""
    return (
        f"probe {', '.join(outdated)}: measured by another version or on another sample, which is "
        "left out; run the study again to measure it anew, which trains nothing"
    )


def _record(content: bytes) -> RunRecord:
    return RunRecord.from_json(content.decode())


def _arrays(content: bytes) -> _Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return dict(stored)


def _correct(answers: _Arrays) -> Correct:
    return np.unpackbits(answers["correct"], count=int(answers["n_images"])).astype(bool)


def _predicted(
    answers: Mapping[str, _Arrays], labels: Mapping[str, Labels], plan_json: Mapping[str, Any]
) -> dict[str, IntArray]:
    """What runs predicted, of those whose answers are of the images that the labels are of."""
    arm_of = {run["run_key"]: run["arm"] for run in plan_json["runs"]}
    return {
        key: arrays["predicted"]
        for key, arrays in answers.items()
        if (own := labels.get(arm_of[key])) and str(arrays["labels_digest"]) == own.digest
    }


def _labels(
    store: Reader, parent: Any, plan_json: Mapping[str, Any], held: Collection[str]
) -> dict[str, Labels]:
    """The labels of every arm that the store has some for; each file is read once."""
    files = {arm["name"]: names.labels_file(arm["dataset"]) for arm in plan_json["arms"]}
    read = {
        file: store.parsed(parent, file, lambda content: _labels_of(_arrays(content)))
        for file in sorted(set(files.values()))
        if file in held
    }
    return {arm: read[file] for arm, file in files.items() if file in read}


def _labels_of(arrays: _Arrays) -> Labels:
    sample = {key: arrays[key] for key in ("indices", "pixels") if key in arrays}
    return Labels(
        labels=arrays["labels"],
        class_names=tuple(arrays["class_names"].tolist()),
        digest=str(arrays["labels_digest"]),
        **sample,
    )


def _rows(
    plan_json: Mapping[str, Any], records: Mapping[str, RunRecord]
) -> Iterator[tuple[dict[str, Any], RunRecord]]:
    """Identity columns and record of every planned run that has one."""
    for run in plan_json["runs"]:
        held = records.get(run["run_key"])
        if held is not None:
            yield {key: run[key] for key in ("run_key", "arm", "comparison", "seed")}, held


def _run_table(
    plan_json: Mapping[str, Any],
    records: Mapping[str, RunRecord],
    probes: Mapping[str, tuple[Mapping[str, float], Sequence[str]]],
    tuning: Tuning | None,
) -> pd.DataFrame:
    arms = {arm["name"]: arm for arm in plan_json["arms"]}
    n_trials = {one["arm"]: one["n_completed"] for one in (tuning or {"arms": ()})["arms"]}
    rows = []
    for row, held in _rows(plan_json, records):
        probed, outdated = probes[row["run_key"]]
        is_tuned = row["comparison"] == "tuned"
        levels = {name: _level(arms[row["arm"]], name) for name in plan_json["factors"]}
        rows.append(
            {
                **row,
                "state": held.state.value,
                **levels,
                **held.metrics,
                **probed,
                "message": "; ".join(filter(None, (held.message, _outdated_text(outdated)))),
                "diverged_epoch": held.diverged_epoch,
                "epochs": held.spec["recipe"]["epochs"],
                "trials": n_trials.get(row["arm"]) if is_tuned else None,
                "device": held.environment.device_model,
            }
        )
    columns = ["run_key", "arm", "comparison", "seed", "state"]
    return (
        pd.DataFrame(rows)
        if rows
        else pd.DataFrame(columns=[*columns, plan_json["endpoint"]["metric"]])
    )


def _level(arm: Mapping[str, Any], factor: str) -> Any:
    group, dot, key = factor.partition(".")
    value = arm[group].get(key) if dot else arm["levels"].get(factor)
    return "x".join(map(str, value)) if isinstance(value, list) else value


def _curve_table(plan_json: Mapping[str, Any], records: Mapping[str, RunRecord]) -> pd.DataFrame:
    rows = []
    for row, held in _rows(plan_json, records):
        n_epochs = max((len(values) for values in held.curves.values()), default=0)
        for epoch in range(n_epochs):
            values = {name: curve[epoch] for name, curve in held.curves.items()}
            rows.append({**row, "epoch": epoch + 1, **values})
    return (
        pd.DataFrame(rows)
        if rows
        else pd.DataFrame(columns=["run_key", "arm", "comparison", "seed", "epoch"])
    )
