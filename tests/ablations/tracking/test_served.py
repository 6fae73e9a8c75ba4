"""Files of a server that hands artifacts out, asked for as MLflow's own client asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ablations.errors import StoreError
from ablations.tracking.artifacts import read_artifact
from ablations.tracking.opening import mlflow_settings

ADDRESS = "mlflow-artifacts:/1/2/artifacts"
FILES = {"a.txt": b"content", "in/b.txt": b"", "labels 1.npz": b"\x00\xff"}


class Server(ThreadingHTTPServer):
    """Hands out `FILES` of one run and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        root = "/api/2.0/mlflow-artifacts/artifacts/1/2/artifacts/"
        content = FILES.get(self.path.removeprefix(root).replace("%20", " "))
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def server() -> Iterator[Server]:
    mlflow_settings()
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_server_takes_one_request(server, name):
    assert read_artifact(ADDRESS, name, server.uri) == FILES[name]
    of_files = [path for path in server.asked if "mlflow-artifacts" in path]
    assert len(of_files) == 1


def test_a_file_that_a_server_has_not_is_an_error_of_the_store(server):
    message = rf"^tracking store {server.uri}: cannot read {ADDRESS}/none\.txt: .*404"
    with pytest.raises(StoreError, match=message):
        read_artifact(ADDRESS, "none.txt", server.uri)
