"""The public face of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lenet_variants


def test_all_is_exact_and_every_name_is_there():
    assert dir(lenet_variants) == sorted(lenet_variants.__all__)
    for name in lenet_variants.__all__:
        assert getattr(lenet_variants, name).__module__.startswith("lenet_variants.")


def test_importing_the_package_loads_no_torch():
    program = "import sys, lenet_variants as v; v.names(); print('torch' in sys.modules)"
    done = subprocess.run(  # noqa: S603 (our own interpreter and program)
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'lenet_variants' has no attribute 'crate'"):
        lenet_variants.crate  # noqa: B018
