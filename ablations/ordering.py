"""The order in which runs are started: seed by seed, and in the end so that all cores end together.

Pure; called by `preparation`. A report on part of a study needs seeds that are whole early; runs of
different length in the last of them would leave cores idle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ablations.outcomes import Job


def ordered(jobs: Sequence[Job], length: Callable[[Job], float], n_workers: int) -> list[Job]:
    """The jobs with those of the last seeds put together, the longest first.

    As many seeds as it takes to keep every other worker busy while one is at the longest run; with
    fewer jobs than that, all of them.

    Args:
        jobs: Seed by seed, the longest first within a seed.
        length: How long a job takes beside the others, in any unit.
        n_workers: How many are done at a time.
    """
    if n_workers == 1:
        return list(jobs)
    longest = max(map(length, jobs), default=0.0)
    start, rest = len(jobs), 0.0
    while start and (rest < n_workers * longest or not _starts_a_seed(jobs, start)):
        start -= 1
        rest += length(jobs[start])
    return [*jobs[:start], *sorted(jobs[start:], key=lambda job: -length(job))]


def _starts_a_seed(jobs: Sequence[Job], index: int) -> bool:
    return index in (0, len(jobs)) or jobs[index].run.seed != jobs[index - 1].run.seed
