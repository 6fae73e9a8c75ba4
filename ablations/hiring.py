"""When worker processes can be started early: before data, plan and store are looked at.

Called by the command line right after a study was read. Loads neither torch nor MLflow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ablations.executors.crew import Crew
from ablations.options import RunOptions
from ablations.spec import StudySpec
from ablations.tracking.outbox import Outbox
from ablations.tracking.store import exists, tracking_uri

_GPU_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of NVIDIA, of AMD, of Windows' Linux


def hire(spec: StudySpec, options: RunOptions) -> Crew:
    """A crew that loads torch already, where something will surely be trained on this CPU.

    Where that is not sure, the crew is empty, and starts who is needed once it is.
    """
    crew = Crew()
    if _is_local(options) and _is_new(options):
        n_stacks = -(-_fewest_runs(spec, options) // (options.stack or 1))
        crew.start(min(options.n_workers, n_stacks))
    return crew


def _is_new(options: RunOptions) -> bool:
    """Whether nothing can be stored yet, so that every run is to be trained."""
    uri = tracking_uri(options.tracking_uri)
    return not exists(uri) and not any(Outbox(options.work_dir).entries(uri))


def _is_local(options: RunOptions) -> bool:
    """Whether the runs are trained by processes, as far as one can tell without torch."""
    if options.executor is not None or options.device not in ("auto", "cpu"):
        return options.executor == "local"
    has_gpu = sys.platform != "linux" or any(Path(name).exists() for name in _GPU_FILES)
    return options.device == "cpu" or not has_gpu


def _fewest_runs(spec: StudySpec, options: RunOptions) -> int:
    """At least so many runs are planned: the design's cells are not counted yet."""
    n_arms = len(options.only) or 1 + len(spec.arms) + bool(spec.factors)
    return n_arms * len(options.seeds or spec.seeds)
