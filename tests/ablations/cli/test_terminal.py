from __future__ import annotations

import pytest

from ablations.cli.terminal import console, print_json


def test_json_holds_every_letter_and_no_nan(capsys):
    print_json({"arm": "größer"})
    assert '"größer"' in capsys.readouterr().out
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json(float("nan"))


def test_the_console_writes_to_standard_output(capsys):
    console().print("here")
    assert capsys.readouterr().out == "here\n"
