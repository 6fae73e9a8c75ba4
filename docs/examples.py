"""The example reports of this folder, of real runs: `make examples`.

Usage: python docs/examples.py

Trains what the studies below lack in the store that studies use, which is nothing the second time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablations.errors import counted
from reports.render.words import claim_sentence

STUDIES = ("lenet-notes", "mlp-vs-conv", "position", "history")
ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs/examples"
INDEX = """# Example reports

Reports of studies in [`studies`](../../studies), of real runs on Fashion-MNIST, and what became of
each claim. `make examples` makes this folder anew: it trains the studies, or finds them trained,
and renders their reports. A page is one file: open `report.html` of a clone in a browser.
"""


def main() -> None:
    """Train and report the studies, then put their reports in place of the former ones.

    Raises:
        SystemExit: A study could not be run to its end.
    """
    with tempfile.TemporaryDirectory() as folder:
        for study in STUDIES:  # until all are there, the folder of the project stays as it is
            file = f"studies/{study}.yaml"
            _ablations("run", file, "--no-report")
            _ablations("report", file, "--out", f"{folder}/{study}", "--formats", "html,md,json")
        shutil.rmtree(EXAMPLES, ignore_errors=True)
        shutil.copytree(folder, EXAMPLES)
    write_index()


def write_index() -> None:
    """The README of the reports that are there."""
    parts = [INDEX, *(part for study in STUDIES for part in _entry(study))]
    (EXAMPLES / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _ablations(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "ablations", *words], cwd=ROOT, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"ablations {' '.join(words)}: exit code {done.returncode}; see above")


def _entry(study: str) -> Iterator[str]:
    """A study in the index: its question, its files, and a row a claim."""
    results = _read(study, "results")
    provenance = _read(study, "provenance")
    n_arms = counted(len({arm["name"] for arm in results["arms"]}), "arm")
    runs = f"{n_arms}, {provenance['n_runs']} runs, {provenance['first_run_started'][:10]}"
    yield f"## {study}\n\n{results['question']}\n"
    yield (
        f"{runs}: [the page]({study}/report.html), [its text]({study}/report.md), "
        f"[every number]({study}/results.json), [where they come from]({study}/provenance.json).\n"
    )
    yield "| claim | verdict | why |\n| --- | --- | --- |"
    for claim in results["claims"]:
        cells = (claim["text"], claim["verdict"] or "no verdict", claim_sentence(claim))
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""


def _read(study: str, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / study / f"{name}.json").read_text())
    return content


if __name__ == "__main__":
    main()
