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
from ablations.designs import level_text
from ablations.errors import StoreError
from ablations.record import OpenRun, RunRecord, RunState, StoredRun
from ablations.tracking.artifacts import local_folder, write_whole
from ablations.tracking.opening import mlflow_settings, open_client, reaching, sqlite_path
from ablations.tracking.outbox import Entry

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

PAGE = 1000
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

    def stored_runs(self, metric: str = "") -> list[StoredRun]:
        """Every run of every study in the store, with its value of that metric if one is named."""
        with reaching(self.uri):
            experiments = [item.experiment_id for item in self.client.search_experiments()]
            found = search_runs(self.client, experiments, run_filter(kind=names.KIND_RUN))
            return [_stored(run, metric) for run in found if names.TAG_STATE in run.data.tags]

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
        ours = (names.KIND_STUDY, names.KIND_RUN)
        return [_open(run, hosts) for run in found if run.data.tags.get(names.TAG_KIND) in ours]

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
            child = self._child(experiment, entry.run_key, entry.attempt)
            if entry.record is not None and (
                child is None or names.TAG_STATE not in child.data.tags
            ):
                run_id = child.info.run_id if child else self._new_child(experiment, parent, entry)
                self._write_run(run_id, entry.record, entry.files)
            elif entry.record is None and child is not None:
                self._write_measurements(child.info.run_id, entry)
            elif child is None:
                _log.warning("run %s was deleted; its new probes are dropped", entry.run_key[:16])

    def _child(self, experiment: str, run_key: str, attempt: int) -> Run | None:
        text = run_filter(kind=names.KIND_RUN, run_key=run_key, attempt=str(attempt))
        return next(iter(search_runs(self.client, [experiment], text)), None)

    def _new_child(self, experiment: str, parent: str, entry: Entry) -> str:
        record = entry.record
        assert record is not None  # noqa: S101 (`write` asks only for entries with one)
        tags = {names.TAG_STUDY: entry.study, "mlflow.parentRunId": parent}
        run = self.client.create_run(
            experiment,
            start_time=record.started_ms,
            tags=run_tags(record) | tags | source_tags(),
            run_name=f"{record.arm} s{record.seed}",
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
        self.client.log_batch(run_id, metrics=metrics, tags=tags)

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


def run_tags(record: RunRecord) -> dict[str, str]:
    """Tags of a run, less its state."""
    tags = {
        names.TAG_KIND: names.KIND_RUN,
        names.TAG_ARM: record.arm,
        names.TAG_COMPARISON: record.comparison,
        names.TAG_VARIANT: str(record.spec["variant"]),
        names.TAG_SEED: str(record.seed),
        names.TAG_RUN_KEY: record.run_key,
        names.TAG_ENV_KEY: record.env_key,
        names.TAG_PLACE_KEY: record.environment.place_key,
        names.TAG_ATTEMPT: str(record.attempt),
    }
    for item in record.measurements:
        tags[names.TAG_PROBE_PREFIX + item.probe] = item.probe_key
    if record.reused_from:
        tags[names.TAG_REUSED_FROM] = record.reused_from
    if record.message:
        tags["message"] = record.message[:5000]
    return tags


def run_params(record: RunRecord) -> list[Any]:
    """`level.*`, `recipe.*`, `dataset.*`: the same keys for every run of a family."""
    from mlflow.entities import Param

    groups = {
        "level": record.spec["levels"],
        "recipe": record.spec["recipe"],
        "dataset": record.spec["dataset"],
    }
    return [
        Param(f"{group}.{key}", level_text(value)[:6000])
        for group, values in groups.items()
        for key, value in values.items()
    ]


def run_metrics(record: RunRecord) -> list[Metric]:
    """Curves by epoch; what is known once stands at step 0, where MLflow's UI draws bars."""
    from mlflow.entities import Metric

    stamp = record.finished_ms
    curves = [
        Metric(name, value, stamp, epoch)
        for name, values in record.curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    curves += [
        Metric("cost/seconds_of_epoch", value, stamp, epoch)
        for epoch, value in enumerate(record.epoch_seconds, start=1)
    ]
    once = {name: value for name, value in record.metrics.items() if name not in record.curves}
    once |= {f"cost/{name}": record.spec[name] for name in ("n_parameters", "n_macs")}
    probed = [
        Metric(name, float(value), item.measured_ms or stamp, 0)
        for item in record.measurements
        for name, value in item.metrics.items()
    ]
    return curves + [Metric(name, float(value), stamp, 0) for name, value in once.items()] + probed


def _open(run: Run, hosts: Mapping[str, str]) -> OpenRun:
    tags = run.data.tags
    study = tags.get(names.TAG_STUDY, "")
    return OpenRun(
        run_id=run.info.run_id,
        name=run.info.run_name,
        study=study,
        is_study=tags[names.TAG_KIND] == names.KIND_STUDY,
        run_key=tags.get(names.TAG_RUN_KEY, ""),
        attempt=int(tags.get(names.TAG_ATTEMPT, 0)),
        state=RunState(tags[names.TAG_STATE]) if names.TAG_STATE in tags else None,
        host=hosts.get(study, ""),
    )


def _stored(run: Run, metric: str) -> StoredRun:
    tags = run.data.tags
    prefix = names.TAG_PROBE_PREFIX
    return StoredRun(
        run_id=run.info.run_id,
        study=tags.get(names.TAG_STUDY, ""),
        run_key=tags[names.TAG_RUN_KEY],
        env_key=tags[names.TAG_ENV_KEY],
        attempt=int(tags[names.TAG_ATTEMPT]),
        state=RunState(tags[names.TAG_STATE]),
        probe_keys={
            key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)
        },
        train_seconds=run.data.metrics.get("cost/train_seconds", 0.0),
        images_per_second=run.data.metrics.get("cost/images_per_second", 0.0),
        n_macs=int(run.data.metrics.get("cost/n_macs", 0)),
        arm=tags[names.TAG_ARM],
        seed=int(tags[names.TAG_SEED]),
        value=run.data.metrics.get(metric),
    )
