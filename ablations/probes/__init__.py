"""Probes: extra measurements on trained runs, each with a key of its own; none trains anything.

A module a probe, and `registry` to call them by name. What a probe is called, takes and yields is
in `ablations.probe_cards`, which loads no torch.
"""

from ablations.probes.registry import ONCE_AN_ARM, PROBES, measure

__all__ = ["ONCE_AN_ARM", "PROBES", "measure"]
