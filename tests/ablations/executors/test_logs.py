"""The files that workers' output goes to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ablations.executors import logs

PRINTING = """
import os, sys
from pathlib import Path
from ablations.executors import logs
logs.redirect(Path(sys.argv[1]))
print("printed \\udc80")
logs.say("said")
os.write(1, b"written\\n")
os.abort()
"""


def test_all_output_and_the_last_words_go_to_the_file_in_order(tmp_path):
    path = logs.log_file(tmp_path, 3)
    command = [sys.executable, "-c", PRINTING, str(path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, check=False)  # noqa: S603
    assert (done.stdout, done.stderr) == (b"", b"")
    text = path.read_text()
    printed, said, written, *rest = text.splitlines()
    assert (printed, said[9:], written) == ("printed \\udc80", "said", "written")
    assert "Fatal Python error: Aborted" in "\n".join(rest)
    assert path == tmp_path / "logs" / "worker-3.log"


def test_the_end_of_a_log_is_told_from_where_one_asks(tmp_path):
    path = logs.log_file(tmp_path, 0)
    assert (logs.size(path), logs.tail(path, 0)) == (0, "")
    path.parent.mkdir()
    path.write_text("before\nafter\n")
    assert logs.size(path) == 13
    assert logs.tail(path, 7) == "after\n"
    path.write_text("x" * logs.TAIL_BYTES + "end")
    assert len(logs.tail(path, 0)) == logs.TAIL_BYTES
    assert logs.tail(path, 0).endswith("xend")


def test_a_new_call_drops_the_logs_of_the_last_one_and_nothing_else(tmp_path):
    logs.begin(tmp_path)
    assert list(tmp_path.iterdir()) == []
    path = logs.log_file(tmp_path, 0)
    path.parent.mkdir()
    for name in ("worker-0.log", "worker-11.log", "mine.txt"):
        (path.parent / name).touch()
    logs.begin(tmp_path)
    assert [one.name for one in path.parent.iterdir()] == ["mine.txt"]
