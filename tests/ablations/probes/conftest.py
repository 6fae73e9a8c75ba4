"""A network and its data, as probes are given them."""

from __future__ import annotations

import pytest
import torch

from ablations.data import prepare
from ablations.probes.probed import Probed
from ablations.programs import initial_model
from ablations.run_data import place

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def probed(run, digits):
    """Makes what a probe is given: an untrained network of a small study, or `model`."""

    def make(model=None, n_images=1000, data=None, **changes):
        one = run(**{"recipe": {"init": "kaiming"}, **changes})
        network = initial_model(one, CPU) if model is None else model
        whole = one.dataset.model_copy(update={"subset": None})
        held = place(data or prepare(digits, whole), one, CPU)
        return Probed(one, network.eval(), held, n_images)

    return make
