from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ablations import data
from ablations.errors import DataError


def test_names_list_data_sets_and_forms():
    assert data.names() == (
        "fashion-mnist",
        "mnist",
        "kmnist",
        "cifar10",
        "digits",
        "idx:FOLDER",
        "images:FOLDER",
        "npz:FILE",
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "fashion_mnist",
            r"unknown name 'fashion_mnist'; did you mean 'fashion-mnist'\? \(allowed",
        ),
        ("image:pets", r"unknown name 'image:pets'; .*allowed: .*images:FOLDER, npz:FILE\)"),
        ("npz:", r"unknown name 'npz:'"),
        ("", r"unknown name ''; \(allowed: fashion-mnist, mnist"),
    ],
)
@pytest.mark.parametrize("ask", [data.load, data.fetch])
def test_an_unknown_name_gets_the_nearest_and_the_list(ask, name: str, message: str):
    with pytest.raises(DataError, match=message):
        ask(name)


@pytest.mark.parametrize(
    ("name", "kind"), [("idx:gone", "folder"), ("images:gone", "folder"), ("npz:gone", "file")]
)
def test_a_path_that_leads_nowhere_says_from_where_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        DataError, match=f"{name}: expected a {kind} at 'gone', got none; .*{tmp_path}"
    ):
        data.load(name)


def test_importing_the_package_loads_neither_torchvision_nor_sklearn():
    code = "import sys, ablations.data; print({'torchvision', 'sklearn'} & set(sys.modules))"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert shown.stdout.strip() == "set()"
