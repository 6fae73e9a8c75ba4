"""Data sets: found or fetched, verified, prepared as a study asks, split and scaled.

The runner and training use what is named here; nothing here knows networks, recipes or tracking.
"""

from ablations.data.dataset import Dataset
from ablations.data.normalise import affine
from ablations.data.prepare import check_spec, permuted_order, prepare
from ablations.data.sampling import SAMPLE_SIZE, probed_sample, split, stratified
from ablations.data.sources import fetch, load, names

__all__ = [
    "SAMPLE_SIZE",
    "Dataset",
    "affine",
    "check_spec",
    "fetch",
    "load",
    "names",
    "permuted_order",
    "prepare",
    "probed_sample",
    "split",
    "stratified",
]
