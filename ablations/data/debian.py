"""A Debian package as a source of data: unpacked in a private folder, never installed.

Works without root and leaves apt's own state alone. Called by `fashion`, which verifies the files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ablations.errors import DataError

UPDATE_SECONDS = 120.0
DOWNLOAD_SECONDS = 600.0

# Hooks are cleared because an update would otherwise run the system's own, which as root may
# empty the system's package cache; the sandbox user could not enter a private folder.
_CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def unpack_package(package: str, folder: Path) -> Path:
    """Download `package` with the system's apt sources and unpack it below `folder`.

    Returns:
        The folder that stands for `/`.

    Raises:
        DataError: apt is not here, or does not give the package; says what it said.
    """
    folder = folder.resolve()
    apt_get, dpkg_deb = _tool("apt-get"), _tool("dpkg-deb")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()  # an empty one: what is installed here does not matter
    configuration = folder / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder), encoding="utf-8")
    apt = [apt_get, "-q", "-c", str(configuration)]
    # One broken source fails an update that brought all others: the download is the judge.
    updated = _call([*apt, "update"], folder, UPDATE_SECONDS)
    downloaded = _call([*apt, "download", package], folder, DOWNLOAD_SECONDS)
    archives = list(folder.glob(f"{package}_*.deb"))
    if downloaded.returncode != 0 or not archives:
        raise DataError(_last_words("apt-get download", downloaded) + _after(updated))
    root = folder / "root"
    unpacked = _call([dpkg_deb, "-x", str(archives[0]), str(root)], folder, DOWNLOAD_SECONDS)
    if unpacked.returncode != 0:
        raise DataError(_last_words("dpkg-deb -x", unpacked))
    return root


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise DataError(f"{name} not found (it comes with Debian and Ubuntu)")
    return path


def _call(command: list[str], folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(  # noqa: S603 (fixed words and our own paths, no shell)
            command,
            cwd=folder,
            env=environment,
            timeout=seconds,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{' '.join(command[-2:])} was stopped after {seconds:g} s") from error


def _last_words(action: str, call: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in call.stderr.splitlines() if line.startswith("E:")]
    return f"{action} ended with {call.returncode}: {' '.join(lines) or call.stderr.strip()[-200:]}"


def _after(updated: subprocess.CompletedProcess[str]) -> str:
    return "" if updated.returncode == 0 else f" (after {_last_words('apt-get update', updated)})"
