"""The MLflow side of tracking: one experiment a study, one parent run, one child a planned run.

Only `tracking` uses it. It writes one batch a run, looks before it creates so that writing the same
entry twice leaves one run, and reads back no more than which runs exist.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import faults
from ablations import record as names
from ablations.errors import StoreError
from ablations.record import OpenRun, RunRecord, RunState, StoredRun
from ablations.tracking.artifacts import local_folder, write_whole
from ablations.tracking.entities import open_run, run_metrics, run_params, run_tags, stored_run
from ablations.tracking.opening import mlflow_settings, open_client, reaching, sqlite_path
from ablations.tracking.outbox import Entry

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

PAGE = 500  # runs that are asked for at once: a busy server gives 1,000 too late for the timeout
DEFAULT_STORE = "mlflow.db"
DEFAULT_ARTIFACTS = "mlartifacts"
_log = logging.getLogger(__name__)


def tracking_uri(given: str | None = None) -> str:
    """The store to use: the one given, else `MLFLOW_TRACKING_URI`, else SQLite in this folder."""
    return (
        given
        or os.environ.get("MLFLOW_TRACKING_URI")
        or f"sqlite:///{Path(DEFAULT_STORE).resolve()}"
    )


def search_runs(client: MlflowClient, experiments: Sequence[str], text: str) -> list[Run]:
    """Every run of these experiments that MLflow's filter `text` finds, the newest first."""
    found: list[Run] = []
    token = None
    while experiments:  # MLflow takes no experiments for all of them
        page = client.search_runs(list(experiments), text, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def run_filter(**tags: str) -> str:
    """MLflow's filter text for runs with all of these tags."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())


class MlflowStore:
    """One store, opened for writing by the one driver."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._client: MlflowClient | None = None
        self._parents: dict[str, tuple[str, str]] = {}

    @property
    def client(self) -> MlflowClient:
        """MLflow's client; opens the store, and makes it if it is a file that is not there."""
        if self._client is None:
            self._client = open_client(self.uri)
        return self._client

    def stored_runs(self, metric: str = "", *, kind: str = names.KIND_RUN) -> list[StoredRun]:
        """Every run of every study in the store, or every trial.

        Each with its value of that metric, if one is named.
        """
        with reaching(self.uri):
            experiments = [item.experiment_id for item in self.client.search_experiments()]
            found = search_runs(self.client, experiments, run_filter(kind=kind))
            return [stored_run(run, metric) for run in found if names.TAG_STATE in run.data.tags]

    def open_studies(self) -> list[str]:
        """Studies whose parent run is marked RUNNING."""
        with reaching(self.uri):
            experiments = [item.experiment_id for item in self.client.search_experiments()]
            found = search_runs(self.client, experiments, run_filter(kind=names.KIND_STUDY))
            return [run.data.tags[names.TAG_STUDY] for run in found if run.info.status == "RUNNING"]

    def open_runs(self) -> list[OpenRun]:
        """Parents and children that are marked RUNNING."""
        with reaching(self.uri):
            experiments = [item.experiment_id for item in self.client.search_experiments()]
            found = search_runs(self.client, experiments, "attributes.status = 'RUNNING'")
            parents = search_runs(self.client, experiments, run_filter(kind=names.KIND_STUDY))
        hosts = {
            run.data.tags[names.TAG_STUDY]: run.data.tags.get(names.TAG_HOST, "") for run in parents
        }
        ours = (names.KIND_STUDY, names.KIND_RUN, names.KIND_TUNING)
        return [open_run(run, hosts) for run in found if run.data.tags.get(names.TAG_KIND) in ours]

    def end(self, run: OpenRun) -> None:
        """End a run whose driver could not: KILLED, or as its state says."""
        status = run.state.mlflow_status if run.state else RunState.KILLED.mlflow_status
        with reaching(self.uri):
            self.client.set_terminated(run.run_id, status)

    def studies_without_artifacts(self) -> list[tuple[str, str]]:
        """Name and artifact folder of every study whose local folder is gone."""
        with reaching(self.uri):
            places = [
                (item.name, item.artifact_location) for item in self.client.search_experiments()
            ]
            experiments = {run.study for run in self.stored_runs()}
        folders = [
            (name, place, local_folder(place)) for name, place in places if name in experiments
        ]
        return [(name, place) for name, place, folder in folders if folder and not folder.exists()]

    def parents(self) -> dict[str, str]:
        """The parent run's id of every study in the store."""
        with reaching(self.uri):
            experiments = [item.experiment_id for item in self.client.search_experiments()]
            found = search_runs(self.client, experiments, run_filter(kind=names.KIND_STUDY))
            return {run.data.tags[names.TAG_STUDY]: str(run.info.run_id) for run in found}

    def parent(self, study: str) -> tuple[str, str]:
        """Experiment id and parent run id of a study, made if need be."""
        if study not in self._parents:
            with reaching(self.uri):
                experiment = self._experiment(study)
                found = search_runs(self.client, [experiment], run_filter(kind=names.KIND_STUDY))
                run = found[-1] if found else self._new_parent(experiment, study)
                self._parents[study] = (experiment, run.info.run_id)
        return self._parents[study]

    def ended_ms(self, run_id: str) -> int:
        """When a run last ended, in milliseconds since 1970; 0 if it never has."""
        with reaching(self.uri):
            return self.client.get_run(run_id).info.end_time or 0

    def _new_parent(self, experiment: str, study: str) -> Run:
        tags = {names.TAG_KIND: names.KIND_STUDY, names.TAG_STUDY: study, **source_tags()}
        run = self.client.create_run(experiment, run_name=study, tags=tags)
        faults.reach("parent_made")
        return run

    def _experiment(self, study: str) -> str:
        held = self.client.get_experiment_by_name(study)
        if held is not None:
            if held.lifecycle_stage == "deleted":
                raise StoreError(
                    f"tracking store {self.uri}: experiment {study!r} is in MLflow's bin; restore "
                    f"it (mlflow experiments restore -x {held.experiment_id}) or rename the study"
                )
            return str(held.experiment_id)
        location = None
        path = sqlite_path(self.uri)
        if path is not None:
            base = path.parent / DEFAULT_ARTIFACTS
            location = f"{base.resolve().as_uri()}/{names.digest(study)[:16]}"
        return str(self.client.create_experiment(study, artifact_location=location))

    def write(self, entry: Entry) -> None:
        """Store one entry; a second time, it changes nothing."""
        with reaching(self.uri):
            experiment, parent = self.parent(entry.study)
            child = self._child(experiment, entry)
            if entry.record is not None and (
                child is None or names.TAG_STATE not in child.data.tags
            ):
                run_id = child.info.run_id if child else self._new_child(experiment, parent, entry)
                self._write_run(run_id, entry.record, entry.files)
            elif entry.record is None and child is not None:
                self._write_measurements(child.info.run_id, entry)
            elif child is None:
                _log.warning("run %s was deleted; its new probes are dropped", entry.run_key[:16])

    def _child(self, experiment: str, entry: Entry) -> Run | None:
        kind = entry.record.kind if entry.record else names.KIND_RUN
        text = run_filter(kind=kind, run_key=entry.run_key, attempt=str(entry.attempt))
        return next(iter(search_runs(self.client, [experiment], text)), None)

    def _new_child(self, experiment: str, parent: str, entry: Entry) -> str:
        record = entry.record
        assert record is not None  # noqa: S101 (`write` asks only for entries with one)
        tags = {names.TAG_STUDY: entry.study, "mlflow.parentRunId": parent}
        run = self.client.create_run(
            experiment,
            start_time=record.started_ms,
            tags=run_tags(record) | tags | source_tags(),
            run_name=names.run_name(
                record.arm,
                record.seed,
                comparison=record.comparison,
                trial=record.spec.get("trial"),
            ),
        )
        faults.reach("run_made")
        return str(run.info.run_id)

    def _write_run(self, run_id: str, record: RunRecord, files: Mapping[str, bytes]) -> None:
        self.client.log_batch(run_id, metrics=run_metrics(record), params=run_params(record))
        faults.reach("batch_logged")
        self.log_files(run_id, {names.RECORD_FILE: record.to_json().encode(), **files})
        faults.reach("files_logged")
        self.client.set_terminated(run_id, record.state.mlflow_status, end_time=record.finished_ms)
        faults.reach("run_ended")
        # The state says the run is whole, so it is written last: a run without it is written again.
        self.client.set_tag(run_id, names.TAG_STATE, record.state.value)
        faults.reach("state_written")

    def _write_measurements(self, run_id: str, entry: Entry) -> None:
        from mlflow.entities import Metric, RunTag

        # Of the values at one step MLflow shows the one with the latest time: the newest measured.
        metrics = [
            Metric(name, value, item.measured_ms, 0)
            for item in entry.measurements
            for name, value in item.metrics.items()
        ]
        tags = [
            RunTag(names.TAG_PROBE_PREFIX + item.probe, item.probe_key)
            for item in entry.measurements
        ]
        if entry.files:
            self.log_files(run_id, entry.files)
        self.client.log_batch(run_id, metrics=metrics, tags=tags)  # whose keys say it is all there

    def log_files(self, run_id: str, files: Mapping[str, bytes], folder: str | None = None) -> None:
        """Store artifacts by path; where they are local files, each is whole or not there."""
        with reaching(self.uri):
            place = local_folder(self.client.get_run(run_id).info.artifact_uri)
            if place is not None:
                write_whole(place / (folder or ""), files)
                return
            with tempfile.TemporaryDirectory(prefix="ablations-") as temporary:
                for name, content in files.items():
                    path = Path(temporary) / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                self.client.log_artifacts(run_id, temporary, artifact_path=folder)

    def not_stored(self, run_id: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of some files that a run does not have, byte for byte."""
        return {
            name: content
            for name, content in files.items()
            if self.read_file(run_id, name) != content
        }

    def read_file(self, run_id: str, name: str) -> bytes | None:
        """One artifact's bytes, or None if the run has none of that name."""
        with reaching(self.uri):
            if name not in {item.path for item in self.client.list_artifacts(run_id)}:
                return None
            with tempfile.TemporaryDirectory(prefix="ablations-") as temporary:
                return Path(self.client.download_artifacts(run_id, name, temporary)).read_bytes()

    def read_json(self, run_id: str, name: str, default: Any) -> Any:
        """One JSON artifact, or `default` if it is not there."""
        content = self.read_file(run_id, name)
        try:
            return default if content is None else json.loads(content)
        except ValueError as error:
            raise StoreError(
                f"tracking store {self.uri}: {name} of run {run_id} is damaged ({error}); restore "
                "it among that run's artifacts"
            ) from error


def exists(uri: str) -> bool:
    """Whether the store is there; a SQLite file that is not would be made by opening it."""
    path = sqlite_path(uri)
    return path is None or path.exists()


def serve_ui(port: int, given: str | None) -> None:
    """Become MLflow's own UI on the store; returns only by an error.

    This process is replaced, so that whoever stops it stops MLflow's server and its workers.

    Raises:
        StoreError: There is no store yet.
    """
    uri = tracking_uri(given)
    if not exists(uri):
        raise StoreError(
            f"tracking store {uri}: is not there yet; run a study in this folder first"
        )
    mlflow_settings()
    words = [*("-m", "mlflow", "ui"), "--backend-store-uri", uri]
    words += ["--port", str(port), "--workers", "1"]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *words])  # noqa: S606 (our own interpreter)


def source_tags() -> dict[str, str]:
    """The tags that MLflow's fluent API sets and its client does not; its UI shows them."""
    user = os.environ.get("USER") or os.environ.get("USERNAME") or ""
    tags = {"mlflow.source.name": "ablations", "mlflow.source.type": "LOCAL"}
    return tags | ({"mlflow.user": user} if user else {})
