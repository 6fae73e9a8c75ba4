from __future__ import annotations

import pytest

from ablations.cli.terminal import byte_text, console, duration, print_json


def test_json_holds_every_letter_and_no_nan(capsys):
    print_json({"arm": "größer"})
    assert '"größer"' in capsys.readouterr().out
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json(float("nan"))


def test_the_console_writes_to_standard_output(capsys):
    console().print("here")
    assert capsys.readouterr().out == "here\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_a_duration_is_written_for_people(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1500, "1.5 kB"), (12_000_000, "12.0 MB")],
)
def test_bytes_are_written_for_people(n_bytes, text):
    assert byte_text(n_bytes) == text
