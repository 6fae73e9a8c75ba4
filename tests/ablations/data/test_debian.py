from __future__ import annotations

import os
from pathlib import Path

import pytest

from ablations.data import debian
from ablations.errors import DataError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that come before the system's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_system_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DataError, match=r"apt-get not found \(it comes with Debian and Ubuntu\)"):
        debian.unpack_package("toys", tmp_path)


def test_what_apt_says_is_passed_on(tmp_path: Path, tools: Path):
    program(tools / "apt-get", 'echo "E: cannot $4" >&2; exit 100')
    program(tools / "dpkg-deb", "exit 0")

    with pytest.raises(DataError) as caught:
        debian.unpack_package("toys", scratch(tmp_path))

    assert str(caught.value) == (
        "apt-get download ended with 100: E: cannot download "
        "(after apt-get update ended with 100: E: cannot update)"
    )


def test_a_failed_update_does_not_matter_if_the_package_comes(tmp_path: Path, tools: Path):
    program(tools / "apt-get", '[ "$4" = download ] && echo x > "$5_1.0_all.deb"')
    program(tools / "dpkg-deb", 'mkdir -p "$3/usr" && cp "$2" "$3/usr/unpacked"')

    root = debian.unpack_package("toys", scratch(tmp_path))

    assert (root / "usr/unpacked").read_text() == "x\n"


def test_a_broken_package_is_told(tmp_path: Path, tools: Path):
    program(tools / "apt-get", 'touch "toys_1.0_all.deb"')
    program(tools / "dpkg-deb", 'echo "not an archive" >&2; exit 2')

    with pytest.raises(DataError, match=r"dpkg-deb -x ended with 2: not an archive"):
        debian.unpack_package("toys", scratch(tmp_path))


def test_apt_is_stopped_when_it_hangs(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(debian, "UPDATE_SECONDS", 0.2)
    program(tools / "apt-get", "exec sleep 20")
    program(tools / "dpkg-deb", "exit 0")

    with pytest.raises(DataError, match=r"apt.conf update was stopped after 0.2 s"):
        debian.unpack_package("toys", scratch(tmp_path))
