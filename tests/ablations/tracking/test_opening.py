"""Stores that can be opened, and real SQLite files of MLflow's that cannot."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ablations.errors import StoreError
from ablations.tracking.opening import open_client, sqlite_path
from ablations.tracking.store import MlflowStore


def _execute(uri: str, *statements: str) -> None:
    with closing(sqlite3.connect(sqlite_path(uri))) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def _journal_mode(uri: str) -> str:
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite:////b/a.db", Path("/b/a.db")),
        ("sqlite:///a.db?timeout=5", Path("a.db")),
        ("http://127.0.0.1:5000", None),
        ("postgresql://u:p@host/a", None),
    ],
)
def test_the_file_of_a_sqlite_store(uri, path):
    assert sqlite_path(uri) == path


def test_a_new_store_is_made_where_there_is_no_file_or_an_empty_one(home):
    (home / "empty.db").touch()
    for name in ("sub/none.db", "empty.db"):
        uri = f"sqlite:///{name}"
        assert open_client(uri).search_experiments()[0].name == "Default"
        assert _journal_mode(uri) == "wal"


def test_a_store_that_plain_mlflow_made_is_set_to_wal(store_uri):
    _execute(store_uri, "PRAGMA journal_mode=DELETE")
    open_client(store_uri)
    assert _journal_mode(store_uri) == "wal"


SAVED_BY_ANOTHER_MLFLOW = {
    "newer": (
        ["UPDATE alembic_version SET version_num = 'ffffffffffff'"],
        r"its schema version 'ffffffffffff' is unknown to MLflow \d.*, so a newer MLflow made it; "
        "install that MLflow, or use another --tracking-uri",
    ),
    "older": (
        ["UPDATE alembic_version SET version_num = '451aebb31d03'"],
        r"its schema version '451aebb31d03' is older than the '\w+' of MLflow \d.*; copy the file, "
        r"then run `mlflow db upgrade sqlite:///.*`; if that fails, it was cut off while",
    ),
    "no version table": (
        ["DROP TABLE alembic_version"],
        r"holds \d+ tables and must hold one schema version, got none: it was cut off while MLflow "
        "made it, or is another program's; move the file away, or use another --tracking-uri",
    ),
    "no version": (
        ["DELETE FROM alembic_version"],
        r"holds \d+ tables and must hold one schema version, got none: it was cut off",
    ),
    "two versions": (
        ["INSERT INTO alembic_version VALUES ('451aebb31d03')"],
        r"holds \d+ tables and must hold one schema version, got \w+, \w+: it was cut off",
    ),
    "tables missing": (
        ["DROP TABLE runs", "DROP TABLE latest_metrics"],
        r"lacks latest_metrics, runs, which schema version '\w+' has, so it was cut off",
    ),
    "a column missing": (
        ["ALTER TABLE runs DROP COLUMN deleted_time"],
        r"lacks runs\.deleted_time, which schema version '\w+' has, so it was cut off",
    ),
}


@pytest.mark.parametrize("found", SAVED_BY_ANOTHER_MLFLOW)
def test_a_file_that_this_mlflow_cannot_use_is_refused_and_nothing_is_written_to_it(
    store_uri, found, call
):
    statements, message = SAVED_BY_ANOTHER_MLFLOW[found]
    _execute(store_uri, "PRAGMA foreign_keys=OFF", *statements)
    path = sqlite_path(store_uri)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"^tracking store {store_uri}: {message}"):
        MlflowStore(store_uri).stored_runs()
    assert path.read_bytes() == before
    result = call("report", "any")
    assert result.exit_code == 3
    assert result.output.startswith(f"error: tracking store {store_uri}: ")
    assert len(result.output.splitlines()) == 1
    assert path.read_bytes() == before


def test_a_store_that_was_refused_works_again_once_it_is_mended(store_uri):
    _execute(store_uri, "ALTER TABLE alembic_version RENAME TO away")
    with pytest.raises(StoreError, match="holds"):
        open_client(store_uri)
    _execute(store_uri, "ALTER TABLE away RENAME TO alembic_version")
    assert open_client(store_uri).search_experiments()


def test_a_database_of_another_program_is_not_taken_for_a_store(home):
    _execute("sqlite:///other.db", "CREATE TABLE notes (text)")
    with pytest.raises(StoreError, match=r"holds 1 tables .* or is another program's"):
        open_client("sqlite:///other.db")


CUT_OFF = """
import os, signal
import mlflow.store.db.utils as utils
from sqlalchemy import event
from sqlalchemy.engine import Engine

n = 0

@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global n
    n += statement.lstrip().startswith(("CREATE TABLE", "ALTER TABLE"))
    if n == {n}:
        os.kill(os.getpid(), signal.SIGKILL)

{make}
"""


def test_a_file_that_a_killed_mlflow_left_half_made_is_refused(home):
    make = "from mlflow import MlflowClient; MlflowClient('sqlite:///a.db').search_experiments()"
    _cut_off(make, 30)
    before = Path("a.db").read_bytes()
    with pytest.raises(StoreError, match=r"it was cut off while MLflow made it"):
        open_client("sqlite:///a.db")
    assert Path("a.db").read_bytes() == before


def test_a_driver_killed_while_it_makes_a_store_leaves_none_or_a_whole_one(home):
    make = "from ablations.tracking.opening import open_client; open_client('sqlite:///a.db')"
    _cut_off(make, 30)
    assert open_client("sqlite:///a.db").search_experiments()


def _cut_off(make: str, n: int) -> None:
    code = CUT_OFF.format(make=make, n=n)
    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603
    assert done.returncode == -9


@pytest.mark.slow
def test_processes_that_open_a_new_store_at_once_do_not_destroy_it(home, process_environment):
    code = "from ablations.tracking.opening import open_client; open_client('sqlite:///new.db')"
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, env=process_environment) for _ in range(4)]  # noqa: S603
    assert [process.wait(timeout=240) for process in processes] == [0] * 4
    assert MlflowStore("sqlite:///new.db").stored_runs() == []
