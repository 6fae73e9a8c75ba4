"""Single files of an MLflow server, each for one request.

Called by `artifacts`, which loads this module, and MLflow with it, only where a server is read.
"""

from __future__ import annotations

from mlflow.entities import FileInfo
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository


class ServedFiles(MlflowArtifactsRepository):  # type: ignore[misc]  # MLflow is not typed
    """The artifacts of a run as a place that has files and no folders.

    MLflow asks for the content of whatever it is to download, in case that is a folder, and so
    asks twice for each file: half of the time that a report of thousands of runs takes to read.
    """

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:  # noqa: ARG002
        """Nothing, which is what a server says of a file."""
        return []
