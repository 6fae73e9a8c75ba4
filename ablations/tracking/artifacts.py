"""The files of a run where MLflow keeps them: folders of this machine by hand, all else by MLflow.

Called by the store, and by whoever reads it. Knows addresses and names, and no run.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ablations import faults
from ablations.errors import StoreError


def local_folder(address: str) -> Path | None:
    """The folder that MLflow keeps artifacts in, if this machine writes them itself."""
    parts = urlsplit(address)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def write_whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths in a folder, each whole or not at all.

    MLflow copies byte by byte: a driver killed meanwhile would leave half a plan or history.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unnamed = path.with_name(f".{path.name}.part")
        unnamed.write_bytes(content)
        faults.reach("file_unnamed")
        unnamed.replace(path)


def read_artifact(address: str, name: str, uri: str) -> bytes:
    """The bytes of one artifact; may be called from several threads at once.

    Args:
        address: The run's `artifact_uri`; knowing it saves asking the store for the run.
        name: The artifact.
        uri: The store, which may be what hands the artifact out.

    Raises:
        StoreError: There is none of that name, or it cannot be had.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.uri import append_to_uri_path

    folder, place = local_folder(address), append_to_uri_path(address, name)
    try:
        if folder is not None:
            return (folder / name).read_bytes()
        with tempfile.TemporaryDirectory(prefix="ablations-") as temporary:
            return Path(_download(address, name, uri, temporary)).read_bytes()
    except (OSError, MlflowException) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise StoreError(f"tracking store {uri}: cannot read {place}: {reason:.300}") from error


def _download(address: str, name: str, uri: str, to: str) -> str:
    """The path of a file that MLflow has brought into the folder `to`."""
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.uri import append_to_uri_path

    if urlsplit(address).scheme == "mlflow-artifacts":
        from ablations.tracking.served import ServedFiles

        return str(ServedFiles(address, tracking_uri=uri).download_artifacts(name, to))
    place = append_to_uri_path(address, name)
    return str(download_artifacts(artifact_uri=place, dst_path=to, tracking_uri=uri))


def as_json(value: Any) -> bytes:
    """The text of a JSON artifact."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
