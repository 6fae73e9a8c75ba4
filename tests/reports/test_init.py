"""The package itself: light to import, exact in what it exports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reports

HEAVY = ("matplotlib", "mlflow", "pandas", "seaborn", "torch")


def test_importing_the_package_loads_nothing_heavy():
    code = f"import reports, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_analysing_never_loads_torch_or_mlflow():
    code = "import reports, sys; reports.analyse; print({'torch', 'mlflow'} & set(sys.modules))"
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_every_exported_name_can_be_had():
    assert sorted(dir(reports)) == sorted(reports.__all__)
    for name in reports.__all__:
        assert getattr(reports, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'reports' has no attribute 'analize'"):
        reports.analize  # noqa: B018 - the access is the test
