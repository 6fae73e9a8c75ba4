"""Probes by name, and the one way to measure one.

Called by `outcomes`, for a run that was just trained or for stored weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ablations.probe_cards import ProbeSpec
from ablations.probes.filters import filters
from ablations.probes.flatten_distance import flatten_distance
from ablations.probes.gradient_flow import gradient_flow
from ablations.probes.image_size import step_costs
from ablations.probes.probed import Probed
from ablations.probes.shift import shift
from ablations.recipes import precise
from ablations.record import Measurement, now_ms, probe_key

PROBES: Mapping[str, Callable[[Probed], dict[str, float]]] = {
    "shift": shift,
    "gradient_flow": gradient_flow,
    "flatten_distance": flatten_distance,
}
"""What is measured of a run. Names of numbers are stored behind `probe/NAME/`."""

COSTS: Mapping[str, Callable[[Probed], dict[str, float]]] = {"image_size": step_costs}
"""What is measured once an arm and depends on the machine: stored behind `cost/NAME/`."""
PICTURES: Mapping[str, Callable[[Probed], bytes]] = {"filters": filters}
"""What is kept of one run an arm to be looked at: stored as the artifact `NAME.npz`."""

ONCE_AN_ARM = (*COSTS, *PICTURES)


def measure(asked: ProbeSpec, probed: Probed) -> tuple[Measurement, dict[str, bytes]]:
    """One probe of one trained network, in eval mode; the former mode is restored.

    Args:
        asked: The probe.
        probed: What it looks at; its sample is as large as `asked` says.

    Returns:
        Its numbers by name, and the artifacts it leaves by file name.
    """
    run, model = probed.run, probed.model
    was_training = model.training
    model.eval()
    metrics: dict[str, float] = {}
    files: dict[str, bytes] = {}
    probed = replace(probed, n_images=asked.sample_size)
    try:
        with precise(run.recipe):
            if asked.name in PICTURES:
                files[f"{asked.name}.npz"] = PICTURES[asked.name](probed)
            else:
                metrics = {**PROBES, **COSTS}[asked.name](probed)
    finally:
        model.train(was_training)
    group = "cost" if asked.name in COSTS else "probe"
    named = {f"{group}/{asked.name}/{metric}": value for metric, value in metrics.items()}
    return Measurement(asked.name, probe_key(run.run_key, asked), named, now_ms()), files
