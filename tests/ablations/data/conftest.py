"""What the data tests share: the real Fashion-MNIST, a small made set, a machine without data."""

from __future__ import annotations

import gzip
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets

from ablations import data
from ablations.data import idx, published
from ablations.data.dataset import Dataset, Part, assemble

NOWHERE = "http://127.0.0.1:9/"  # nothing listens on the discard port: refused at once


@pytest.fixture(scope="session")
def fashion() -> Dataset:
    """Through the public path, into the user's cache: fetched at most once a machine."""
    return data.load("fashion-mnist")


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data, mirrors or apt; returns the folder of its cache."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.delenv("ABLATIONS_DATA", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "no-tools"))
    monkeypatch.setattr(published, "SYSTEM_FOLDER", tmp_path / "system")
    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        monkeypatch.setattr(getattr(torchvision.datasets, name), "mirrors", [NOWHERE])
    monkeypatch.setattr(
        torchvision.datasets.CIFAR10, "url", f"{NOWHERE}{torchvision.datasets.CIFAR10.filename}"
    )
    return cache / "lenet-ablations"


def made(n_train: int = 60, *, n_classes: int = 3, shape: tuple[int, ...] = (1, 6, 8)) -> Dataset:
    """Random pixels; classes of equal size, in turn."""
    rng = np.random.default_rng(5)
    parts = [
        Part(rng.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % n_classes)
        for n in (n_train, n_classes * 2)
    ]
    return assemble("made", *parts, source="made")


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    return made


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def write_idx() -> Callable[[Path, Dataset], None]:
    """Writes a data set as four idx files, the images zipped and the labels not."""

    def write(folder: Path, dataset: Dataset) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, tensor in zip(idx.STEMS, dataset.tensors, strict=True):
            content = idx_bytes(tensor.numpy().astype(np.uint8).squeeze())
            if "images" in stem:
                (folder / f"{stem}.gz").write_bytes(gzip.compress(content, compresslevel=1))
            else:
                (folder / stem).write_bytes(content)

    return write


class Server(ThreadingHTTPServer):
    """Its threads are joined at the end, so that they have to be let go."""

    def __init__(self, handler: Callable[..., SimpleHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.closing = threading.Event()


class Handler(SimpleHTTPRequestHandler):
    """Serves files; one named `stalls` begins to come and then does not go on."""

    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: test output is for failures."""

    def do_GET(self) -> None:
        if not self.path.endswith("stalls"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"a part")
        self.wfile.flush()
        self.server.closing.wait(20)


@pytest.fixture
def serve() -> Callable[[Path], AbstractContextManager[str]]:
    """A mirror on this machine: serves a folder, gives its address."""

    @contextmanager
    def serving(folder: Path) -> Iterator[str]:
        server = Server(partial(Handler, directory=folder))
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()

    return serving
