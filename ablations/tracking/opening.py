"""Opening a store: what MLflow raises in one error, and a SQLite file that MLflow can use or none.

Called by the store, and by whoever reads it. Knows nothing of studies.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from filelock import FileLock

from ablations import faults
from ablations.errors import StoreError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SQLITE = "sqlite:///"


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn whatever MLflow raises into one `StoreError` that says which store."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except StoreError:
        raise  # said already, by a call within this one
    except (MlflowException, SQLAlchemyError, OSError, sqlite3.Error) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise StoreError(f"tracking store {uri}: {first_line:.300}") from error


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def open_client(uri: str) -> MlflowClient:
    """An MLflow client for `uri` that fails in seconds when the store is down.

    A SQLite file is made under a lock, since two processes doing so at once destroy it, and is set
    to WAL, which readers such as the UI need not wait for. One that MLflow here cannot use is
    refused before MLflow would write to it.

    Raises:
        StoreError: The store cannot be reached, or cannot be used by this MLflow.
    """
    mlflow_settings()
    from mlflow.tracking import MlflowClient

    _arm_commits()
    with reaching(uri):
        path = sqlite_path(uri)
        if path is None:
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
            return client
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            tables, versions = _schema(path)
            if tables:
                _check_schema(uri, tables, versions)
            else:
                _make(path)
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        return client


def _schema(path: Path) -> tuple[dict[str, set[str]], list[str]]:
    """Columns of each table in a SQLite file, and the versions it says its schema has."""
    if not path.exists():
        return {}, []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {
            name: {row[1] for row in connection.execute(f'PRAGMA table_xinfo("{name}")')}
            for (name,) in found.fetchall()
        }
        if "alembic_version" not in tables:
            return tables, []
        return tables, [row[0] for row in connection.execute("SELECT * FROM alembic_version")]


def _check_schema(uri: str, tables: Mapping[str, set[str]], versions: list[str]) -> None:
    """Refuse a schema that MLflow here would misread, or break further by mending it."""
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError
    from mlflow.store import db_migrations
    from mlflow.store.db.base_sql_model import Base

    scripts = ScriptDirectory(str(Path(db_migrations.__file__).parent))
    head, here = scripts.get_current_head(), f"MLflow {mlflow.__version__}"
    elsewhere = "move the file away, or use another --tracking-uri"
    if len(versions) != 1:
        listed = ", ".join(versions) or "none"
        raise StoreError(
            f"tracking store {uri}: holds {len(tables)} tables and must hold one schema version, "
            f"got {listed}: it was cut off while MLflow made it, or is another program's; "
            f"{elsewhere}"
        )
    (version,) = versions
    try:
        scripts.get_revision(version)
    except CommandError as error:
        raise StoreError(
            f"tracking store {uri}: its schema version {version!r} is unknown to {here}, so a "
            f"newer MLflow made it; install that MLflow, or use another --tracking-uri"
        ) from error
    if version != head:
        raise StoreError(
            f"tracking store {uri}: its schema version {version!r} is older than the {head!r} of "
            f"{here}; copy the file, then run `mlflow db upgrade {uri}`; if that fails, it was cut "
            f"off while MLflow made it: {elsewhere}"
        )
    expected = {name: set(table.columns.keys()) for name, table in Base.metadata.tables.items()}
    missing = [name for name in sorted(expected) if name not in tables] or [
        f"{name}.{column}"
        for name in sorted(expected)
        for column in sorted(expected[name] - tables[name])
    ]
    if missing:
        raise StoreError(
            f"tracking store {uri}: lacks {', '.join(missing)}, which schema version {version!r} "
            f"has, so it was cut off or altered; restore it, {elsewhere}"
        )


def _make(path: Path) -> None:
    """Make an empty store elsewhere and copy it in as one transaction: whole, or not at all."""
    from mlflow.tracking import MlflowClient

    with TemporaryDirectory(prefix="ablations-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / "mlflow.db"
        with _unsynced():
            MlflowClient(tracking_uri=f"{_SQLITE}{made}").search_experiments(max_results=1)
        with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)


@contextmanager
def _unsynced() -> Iterator[None]:
    """Wait for no disk after each of a file's hundreds of changes, where nobody will miss it."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=MEMORY")

    event.listen(Engine, "connect", on_connect)
    try:
        yield
    finally:
        event.remove(Engine, "connect", on_connect)


def _arm_commits() -> None:
    """Let a process that is to die after one of MLflow's transactions see them."""
    if not faults.is_armed("commit"):
        return
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    if not event.contains(Session, "after_commit", _committed):
        event.listen(Session, "after_commit", _committed)


def _committed(session: object) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
    faults.reach("commit")


def mlflow_settings() -> None:
    """MLflow's own switches, unless the user has set them."""
    usual = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # 7 by default: four minutes for a dead server
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    for name, value in usual.items():
        os.environ.setdefault(name, value)
    import mlflow.store.db.utils  # noqa: F401  (sets its log level when loaded, so before ours)

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints a whole traceback for what `reaching` says in a line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
