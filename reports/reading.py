"""Runs and artifacts of one store, as MLflow has them, and which attempt of a run counts.

Called by `collect`; the only other module of reports that knows MLflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from zipfile import BadZipFile

from ablations import record as names
from ablations.errors import StoreError, StudyNotFoundError, nearest
from ablations.record import RunState
from ablations.tracking.artifacts import read_artifact
from ablations.tracking.opening import open_client
from ablations.tracking.store import run_filter, search_runs

AT_A_TIME = 8  # files that are asked of a server at once
_DAMAGED = (ValueError, LookupError, TypeError, EOFError, BadZipFile)
_Parsed = TypeVar("_Parsed")


class Reader:
    """Runs and artifacts of one store, as they are."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client = open_client(uri)

    def parent(self, study: str) -> tuple[str, Any]:
        """The experiment and the parent run of a study.

        Raises:
            StudyNotFoundError: The store has none of that name.
        """
        held = self.client.get_experiment_by_name(study)
        studies = run_filter(kind=names.KIND_STUDY)
        found = search_runs(self.client, [held.experiment_id], studies) if held else []
        if not held or not found:
            known = sorted(item.name for item in self.client.search_experiments())
            raise StudyNotFoundError(
                f"store {self.uri}: no study {study!r}; {nearest(study, known)}run it first "
                f"(stored: {', '.join(name for name in known if name != 'Default') or 'none'})"
            )
        return str(held.experiment_id), found[-1]

    def children(self, experiment: str) -> list[Any]:
        """The runs of a study, of every attempt."""
        return search_runs(self.client, [experiment], run_filter(kind=names.KIND_RUN))

    def each(
        self, runs: Sequence[Any], name: str, parse: Callable[[bytes], _Parsed]
    ) -> list[_Parsed]:
        """The same artifact of every run, parsed; several are read at a time.

        A server answers others while one is on its way.
        """
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            return list(pool.map(lambda run: self.parsed(run, name, parse), runs))

    def parsed(self, run: Any, name: str, parse: Callable[[bytes], _Parsed]) -> _Parsed:
        """An artifact of a run, parsed.

        Raises:
            StoreError: It is not there, or damaged.
        """
        content = read_artifact(run.info.artifact_uri, name, self.uri)
        try:
            return parse(content)
        except _DAMAGED as error:
            raise StoreError(
                f"tracking store {self.uri}: {name} of run {run.info.run_id} is damaged ({error}); "
                "restore it among that run's artifacts"
            ) from error


def newest_attempts(runs: Sequence[Any], planned: set[str]) -> list[Any]:
    """Of each planned run the newest attempt, all from the environment of the newest run.

    Runs of two environments are never paired: the newest environment is the study's.
    """
    whole = [
        run
        for run in runs
        if names.TAG_STATE in run.data.tags and run.data.tags[names.TAG_RUN_KEY] in planned
    ]
    if not whole:
        return []
    newest = max(whole, key=lambda run: run.info.end_time or 0)
    device = _place(newest)
    attempts: dict[str, dict[int, Any]] = {}
    for run in whole:
        if _place(run) == device:
            tags = run.data.tags
            number = int(tags[names.TAG_ATTEMPT])
            attempts.setdefault(tags[names.TAG_RUN_KEY], {})[number] = run
    return [_counting(held) for held in attempts.values()]


def _counting(attempts: Mapping[int, Any]) -> Any:
    states = {n: RunState(run.data.tags[names.TAG_STATE]) for n, run in attempts.items()}
    number = names.counting_attempt(states)
    return attempts[number if number is not None else max(attempts)]


def _place(run: Any) -> str:
    # Precision belongs to the recipe and may differ between arms; the rest may not.
    return str(run.data.tags.get(names.TAG_PLACE_KEY, run.data.tags[names.TAG_ENV_KEY]))


def key_of(run: Any) -> str:
    """Its run key."""
    return str(run.data.tags[names.TAG_RUN_KEY])
