from __future__ import annotations

from ablations.cli.checkup import findings
from ablations.tracking.locks import folder_lock, store_lock
from ablations.tracking.store import MlflowStore


def _by_subject(uri, home) -> dict[str, tuple[bool, str]]:
    found = findings(uri, home / ".ablations", None)
    return {finding.subject: (finding.is_ok, finding.text) for finding in found}


def test_everything_that_can_go_wrong_is_looked_at(home, store_uri):
    found = findings(store_uri, home / ".ablations", None)
    subjects = [finding.subject for finding in found]
    assert subjects == [
        "store",
        "artifacts",
        "drivers",
        "outbox",
        "remains",
        "fashion-mnist",
        "device",
    ]


def test_an_empty_store_is_well(home, store_uri):
    found = _by_subject(store_uri, home)
    assert found["store"] == (True, f"{store_uri} answers; 0 runs")
    assert found["artifacts"][0]
    assert found["drivers"] == (True, "none died")
    assert found["outbox"] == (True, "empty")


def test_looking_makes_neither_a_store_nor_a_folder(home):
    findings(None, home / ".ablations", None)
    assert list(home.iterdir()) == []


def test_a_running_study_is_well_while_its_driver_works(home, store_uri):
    MlflowStore(store_uri).parent("at work")
    with folder_lock(home / ".ablations", "a test"):
        assert _by_subject(store_uri, home)["drivers"] == (True, "one is working now")
    with store_lock(store_uri, "a test"):  # from another folder
        assert _by_subject(store_uri, home)["drivers"] == (True, "one is working now")
    is_ok, text = _by_subject(store_uri, home)["drivers"]
    assert not is_ok
    assert text.startswith(
        "marked RUNNING, but no driver is here: at work; run them again to go on"
    )
    assert text.endswith("or end them: ablations clean")


def test_a_store_that_does_not_answer_is_a_finding(home):
    is_ok, text = _by_subject("http://127.0.0.1:9", home)["store"]
    assert not is_ok
    assert text.startswith("tracking store http://127.0.0.1:9: ")


def test_data_that_is_not_there_says_how_to_get_it(home, monkeypatch):
    monkeypatch.setattr("ablations.cli.checkup.data.load", _no_data)
    is_ok, text = _by_subject(None, home)["fashion-mnist"]
    assert not is_ok
    assert text == "fashion-mnist: not found; ablations data fetch fashion-mnist"


def _no_data(name: str, **_: object) -> None:
    from ablations.errors import DataError  # noqa: PLC0415

    raise DataError(f"{name}: not found\nlooked in many places")


def test_half_written_files_are_a_finding_unless_a_driver_is_at_work(home, store_uri):
    (home / ".ablations" / "outbox" / ".writing-abc").mkdir(parents=True)
    expected = (False, "1 half-written file (0 B): ablations clean")
    assert _by_subject(store_uri, home)["remains"] == expected
    with store_lock(store_uri, "a test"):
        assert _by_subject(store_uri, home)["remains"] == (True, "nothing half-written")
