"""torchvision's download, kept from hanging: a mirror that stays silent is given up on.

Called by the published sets and by `cifar10`. Knows addresses and file names, not what is in the
files: the callers verify what arrives.
"""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ablations.data import idx
from ablations.errors import DataError

SILENCE_SECONDS = 10.0


def fetch_idx_files(torchvision_name: str, folder: Path) -> None:
    """Put the four `.gz` files of a set of the MNIST family into `folder`.

    Args:
        torchvision_name: The class in `torchvision.datasets`, which lists the mirrors.
        folder: Exists.

    Raises:
        DataError: As `download`.
    """
    from torchvision import datasets  # noqa: PLC0415 (a second, only to fetch)

    published = getattr(datasets, torchvision_name)
    download(published.mirrors, [f"{stem}.gz" for stem in idx.STEMS], folder)


def download(
    mirrors: Sequence[str],
    names: Sequence[str],
    folder: Path,
    *,
    silence_seconds: float = SILENCE_SECONDS,
) -> None:
    """Fetch `names` into `folder`, all from the first mirror that gives all of them.

    Args:
        mirrors: Address prefixes, ending in a slash.
        names: File names below a mirror.
        folder: Exists; may be left with part of the files.
        silence_seconds: A mirror gets this long to answer, and may then not pause for longer.

    Raises:
        DataError: No mirror gave all files; names each with its reason.
    """
    from torchvision.datasets.utils import download_url  # noqa: PLC0415 (a second, only to fetch)

    outcomes = []
    for mirror in mirrors:
        try:
            _await_answer(mirror + names[0], silence_seconds)
            with _socket_timeout(silence_seconds):
                for name in names:
                    download_url(mirror + name, folder, filename=name)
        except (OSError, RuntimeError) as error:
            outcomes.append(f"{mirror}: {error}")
        else:
            return
    raise DataError("; ".join(outcomes))


def _await_answer(url: str, seconds: float) -> None:
    """Return once `url` answers.

    In a thread, because neither name look-up nor the walk over a host's addresses keeps to the
    socket's timeout.

    Raises:
        OSError: It did not answer in time, or answered with an error.
    """
    # Words, not the error: its traceback would keep the socket open until the next collection.
    failures: list[str] = []

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (torchvision's addresses)
        try:
            urllib.request.urlopen(request, timeout=seconds).close()  # noqa: S310
        except OSError as error:
            failures.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failures:
        raise OSError(failures[0])


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Bound every wait for bytes; torchvision's download takes no timeout of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
