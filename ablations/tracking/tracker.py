"""The driver's one way to the store: every outcome goes through the outbox, then to MLflow.

A store that stops answering is left alone for a while, so that it does not slow the training; what
it has missed stays in the outbox, and `sync` or the next run brings it in.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ablations import faults, history, record
from ablations.errors import StoreError, StudyNotFoundError, counted, nearest
from ablations.identity import with_present_keys
from ablations.plan import Plan
from ablations.plan_changes import plan_changes
from ablations.record import Measurement, RunRecord, RunState, StoredRun
from ablations.seeding import cell_of, seeding_of, stored_outcomes
from ablations.tracking.artifacts import as_json
from ablations.tracking.locks import history_lock
from ablations.tracking.opening import reaching
from ablations.tracking.outbox import Entry, Outbox
from ablations.tracking.store import MlflowStore, exists, run_filter, search_runs

RETRY_SECONDS = 30.0
Files = Mapping[str, bytes]
_log = logging.getLogger(__name__)


class Tracker:
    """Writes one study's outcomes; the driver owns the only one.

    Args:
        uri: The store.
        work_dir: The working folder with the outbox.
        former: The plan's keys under older key schemas; what is read has the present ones.
    """

    def __init__(self, uri: str, work_dir: Path, former: Mapping[str, str] | None = None) -> None:
        self.store, self.outbox = MlflowStore(uri), Outbox(work_dir)
        self.former = former or {}
        self._silent_until = 0.0

    def changes(self, plan: Plan) -> list[str]:
        """What a plan has other than the one stored before it, in words.

        Of a study that is new here: what other studies of the store have trained and shown of it.

        Raises:
            StoreError: The store cannot be reached.
        """
        content = plan.to_dict()
        parent = self.store.parents().get(plan.spec.study)
        past = self.past(content)
        if parent is None:
            texts = self._trained_elsewhere(plan) + [
                f"new here, but study {item['study']!r} has shown verdicts on "
                f"{_some(history.shown_texts(item))}: they count as shown in this study too"
                for item in past
            ]
        else:
            texts = plan_changes(self._plan(parent, plan.spec.study) or content, content)
        stamped = history.deviations(history.extended(past, content, record.now_ms()), content)
        return texts + [f"the report will bear the stamp: {one.text}" for one in stamped]

    def past(self, plan: Mapping[str, Any]) -> history.History:
        """What was planned and shown before of a study, or of another's contrasts that are its too.

        Args:
            plan: `plan.json`, stored or not.

        Raises:
            StoreError: The store cannot be reached.
        """
        parents = self.store.parents()
        parent = parents.pop(plan["study"], None)
        own = self._history(parent) if parent else []
        return history.remembering(own, self._histories(parents), plan)

    def _trained_elsewhere(self, plan: Plan) -> list[str]:
        planned = {run.run_key for run in plan.runs}
        studies: dict[str, str] = {}  # of a run that several hold, the one it is linked from
        for run in sorted(self.stored_runs(), key=lambda run: -run.attempt):
            if run.run_key in planned and run.state.is_outcome:
                studies.setdefault(run.run_key, run.study)
        held: dict[str, set[str]] = {}
        for key, study in studies.items():
            held.setdefault(study, set()).add(key)
        return [
            f"new here, but {len(keys)} of its {counted(len(planned), 'run')} "
            f"{'is' if len(keys) == 1 else 'are'} in study {study!r} already: linked from there, "
            "not trained again"
            for study, keys in sorted(held.items())
        ]

    def _histories(self, parents: Mapping[str, str]) -> dict[str, history.History]:
        return {study: self._history(parent) for study, parent in parents.items()}

    def open_study(self, plan: Plan, files: Mapping[str, bytes] | None = None) -> list[str]:
        """Make the study's parent run, or open it again, and store the plan with its history.

        `files` are stored beside them; those that are there already are not written again.

        Returns:
            See `changes`.

        Raises:
            StoreError: The store cannot be reached; nothing has been trained.
        """
        self.outbox.sweep()
        self.drain()
        content, changes = plan.to_dict(), self.changes(plan)
        others, study = self.store.parents(), plan.spec.study
        others.pop(study, None)
        experiment, parent = self.store.parent(study)
        self._rename_keys(experiment)
        study_text = yaml.safe_dump(
            plan.spec.model_dump(mode="json", exclude_unset=True),
            sort_keys=False,
            allow_unicode=True,
        )
        with history_lock(self.store.uri):
            past = history.remembering(self._history(parent), self._histories(others), content)
            past = history.extended(past, content, record.now_ms())
            self.store.log_files(
                parent,
                {
                    record.PLAN_FILE: as_json(content),
                    record.HISTORY_FILE: as_json(past),
                    record.STUDY_FILE: study_text.encode(),
                    **self.store.not_stored(parent, files or {}),
                },
            )
        faults.reach("plan_stored")
        with reaching(self.store.uri):
            self.store.client.update_run(parent, status="RUNNING")
            self.store.client.set_tag(parent, "plan_digest", plan.digest)
            self.store.client.set_tag(parent, record.TAG_HOST, platform.node())
            endpoint = plan.spec.endpoint
            for key, value in {
                "name": endpoint.metric,
                "greaterIsBetter": str(endpoint.direction == "maximize"),
            }.items():  # MLflow's UI sorts and charts by it
                tag = f"mlflow.experiment.primaryMetric.{key}"
                self.store.client.set_experiment_tag(experiment, tag, value)
        return changes

    def stored_plan(self, study: str) -> dict[str, Any]:
        """`plan.json` of a study in the store.

        Raises:
            StudyNotFoundError: The store has no study of that name.
            StoreError: The store cannot be reached.
        """
        parents = self.store.parents()
        held = self._plan(parents[study], study) if study in parents else {}
        if not held:
            known = ", ".join(sorted(parents)) or "none"
            raise StudyNotFoundError(
                f"store {self.store.uri}: no study {study!r}; {nearest(study, list(parents))}run "
                f"it first (stored: {known})"
            )
        return held

    def stored_tuning(self, study: str) -> dict[str, Any]:
        """`tuning.json` of a study in the store; empty where it has none."""
        parent = self.store.parents().get(study) if exists(self.store.uri) else None
        return self._read_json(parent, record.TUNING_FILE, {}) if parent else {}

    def _plan(self, parent: str, study: str) -> dict[str, Any]:
        """The plan stored on a study's parent run; empty if its driver was killed before that."""
        held: dict[str, Any] = self._read_json(parent, record.PLAN_FILE, {})
        record.check_schema(held, record.KEY_SCHEMA, f"{record.PLAN_FILE} of study {study!r}")
        return held

    def _rename_keys(self, experiment: str) -> None:
        """Give the runs of a study that an older key schema stored their present key.

        Only of the study that is opened, whose plan is stored anew: that of any other names its
        runs by the older keys still.
        """
        if not self.former:
            return
        with reaching(self.store.uri):
            text = run_filter(kind=record.KIND_RUN)
            for run in search_runs(self.store.client, [experiment], text):
                key = self.former.get(run.data.tags[record.TAG_RUN_KEY])
                if key:
                    self.store.client.set_tag(run.info.run_id, record.TAG_RUN_KEY, key)

    def is_new(self) -> bool:
        """Whether there is no store yet, and nothing that waits for it: all that it could hold."""
        return not exists(self.store.uri) and not self.n_waiting()

    def stored_runs(self, metric: str = "", *, kind: str = record.KIND_RUN) -> list[StoredRun]:
        """Every run the store holds, of every study, or every trial; looking makes none.

        Args:
            metric: The one whose value is told of each.
            kind: That of runs, or of trials.
        """
        if not exists(self.store.uri):
            return []
        stored, former = self.store.stored_runs(metric, kind=kind), self.former
        return [replace(run, run_key=former.get(run.run_key, run.run_key)) for run in stored]

    def add_run(self, study: str, trained: RunRecord, files: Mapping[str, bytes]) -> None:
        """Keep a run that has ended, with its artifacts, and pass it on if the store answers."""
        self._put(
            Entry(
                tracking_uri=self.store.uri,
                study=study,
                run_key=trained.run_key,
                env_key=trained.env_key,
                attempt=trained.attempt,
                record=trained,
                measurements=trained.measurements,
                files=files,
            )
        )

    def add_measurements(
        self, study: str, measurements: Sequence[Measurement], stored: StoredRun, files: Files
    ) -> None:
        """Keep what was measured of a stored run, and pass it on if the store answers."""
        if not measurements:
            return
        self._put(
            Entry(
                tracking_uri=self.store.uri,
                study=study,
                run_key=stored.run_key,
                env_key=stored.env_key,
                attempt=stored.attempt,
                record=None,
                measurements=tuple(measurements),
                files=files,
            )
        )

    def record_of(self, stored: StoredRun) -> RunRecord:
        """What is written of a stored run, under its present key.

        Raises:
            StoreError: The store cannot be reached, or has lost it.
        """
        text = self.store.read_file(stored.run_id, record.RECORD_FILE)
        if text is None:
            raise StoreError(
                f"tracking store {self.store.uri}: run {stored.run_id} of study {stored.study!r} "
                f"has lost its {record.RECORD_FILE}; --fresh trains it again"
            )
        held = RunRecord.from_json(text.decode())
        return replace(held, run_key=stored.run_key)  # its own may be of an older key schema

    def link(self, study: str, stored: StoredRun, arm: str) -> None:
        """Make a child of `study` from a run that another study of this store has finished."""
        held = replace(self.record_of(stored), arm=arm, reused_from=stored.run_id)
        faults.reach("run_linked")
        contents = {name: self.store.read_file(stored.run_id, name) for name in record.RUN_FILES}
        files = {name: content for name, content in contents.items() if content is not None}
        self.add_run(study, held, files)

    def file(self, stored: StoredRun, name: str) -> bytes | None:
        """An artifact of a stored run; None if it has none of that name."""
        return self.store.read_file(stored.run_id, name)

    def _put(self, entry: Entry) -> None:
        try:
            self.outbox.put(entry)
        except OSError as error:
            self._write_past(entry, error)
            return
        faults.reach("entry_written")
        if time.monotonic() < self._silent_until:
            return
        try:
            self.drain()  # in order: measurements must not overtake the run they belong to
        except StoreError as error:
            _log.warning("%s; its runs are kept in %s", error, self.outbox.folder)
            self._silent_until = time.monotonic() + RETRY_SECONDS

    def _write_past(self, entry: Entry, reason: OSError) -> None:
        """Store an entry that the working folder has no room for, or say that it is lost."""
        try:
            self.store.write(entry)
        except StoreError as error:
            run = (
                f"arm {entry.record.arm!r}, seed {entry.record.seed}" if entry.record else "a probe"
            )
            raise StoreError(
                f"{self.outbox.folder}: {reason.strerror}, and {error}; {run} is lost and will be "
                "trained again: make room and run the study again"
            ) from reason

    def drain(self) -> int:
        """Bring everything in the outbox for this store into it; how many entries that was.

        Raises:
            StoreError: The store cannot be reached; the entries are kept.
        """
        n_written = 0
        for path, entry in self.outbox.entries(self.store.uri):
            self.store.write(entry)
            self.outbox.remove(path)
            n_written += 1
        return n_written

    def n_waiting(self) -> int:
        """Entries the store does not have yet."""
        return sum(1 for _ in self.outbox.entries(self.store.uri))

    def is_whole(self, study: str) -> bool:
        """Whether every run that a study's stored plan asks for has ended, well or not."""
        parent = self.store.parents().get(study)
        plan = self._plan(parent, study) if parent else {}
        if not plan or ("tuning" in plan and len(plan["tuned"]) < len(plan["arms"])):
            return False
        stored = [r for r in self.stored_runs(plan["endpoint"]["metric"]) if r.study == study]
        ended = {run.run_key for run in stored if run.state is not RunState.INTERRUPTED}
        planned, seeding = plan["runs"], seeding_of(plan, self._history(parent or ""))
        if seeding is not None:
            standing = seeding.standing(stored_outcomes(planned, stored))
            planned = [r for r in planned if standing.is_wanted(cell_of(r), r["seed"])]
        return all(run["run_key"] in ended for run in planned)

    def close_study(self, study: str, status: str) -> None:
        """Bring the last entries in and end the parent run with MLflow's `status`.

        Raises:
            StoreError: The store cannot be reached; says how many runs wait for it.
        """
        try:
            self.drain()
            faults.reach("study_closing")
            _, parent = self.store.parent(study)
            with reaching(self.store.uri):
                self.store.client.set_terminated(parent, status)
        except StoreError as error:
            raise StoreError(
                f"{error}; {counted(self.n_waiting(), 'finished run')} kept in "
                f"{self.outbox.folder}: "
                "`ablations sync` stores what is there once it answers"
            ) from error

    def store_report(
        self,
        plan: Mapping[str, Any],
        files: Mapping[str, bytes],
        note: str,
        shown: Mapping[str, list[int]] | None,
        *,
        ended_ms: int | None = None,
    ) -> bool:
        """Put a report on the study's parent run, and note what it showed; needs no driver's lock.

        Args:
            plan: `plan.json`.
            files: The report's files by their paths in its folder.
            note: Markdown for the parent's description.
            shown: Seeds of every contrast that got a verdict; None if it showed no number at all.
            ended_ms: When a driver had last ended; None if that is not known.

        Returns:
            Whether it was stored. It is not where a driver has ended since, whose own knows more.
        """
        _, parent = self.store.parent(plan["study"])
        with history_lock(self.store.uri):
            is_newest = ended_ms is None or ended_ms == self.store.ended_ms(parent)
            if is_newest:
                self.store.log_files(parent, files, record.REPORT_FOLDER)
            faults.reach("report_stored")
            if shown is not None:
                now = record.now_ms()
                past = history.extended(self._history(parent), plan, now)
                past = history.with_shown(past, plan, shown, now)
                self.store.log_files(parent, {record.HISTORY_FILE: as_json(past)})
            faults.reach("report_noted")
            if is_newest:
                with reaching(self.store.uri):
                    self.store.client.set_tag(parent, "mlflow.note.content", note)
        return is_newest

    def _history(self, parent: str) -> history.History:
        return list(self._read_json(parent, record.HISTORY_FILE, []))

    def _read_json(self, run_id: str, name: str, default: Any) -> Any:
        return with_present_keys(self.store.read_json(run_id, name, default), self.former)


def _some(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(map(repr, names[:2])) + (f" and {len(names) - 2} more" if names[2:] else "")
