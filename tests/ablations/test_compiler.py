"""torch's compiler, which a process that compiles nothing does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

TRAIN = """
import sys, torch
from ablations import compiler
compiler.leave_out()
model = torch.nn.Linear(2, 1)
for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
    optimiser = kind(model.parameters(), lr=0.1, fused=True)
    optimiser.load_state_dict(optimiser.state_dict())
    before = model.weight.clone()
    model(torch.ones(3, 2)).sum().backward()
    optimiser.step()
    optimiser.zero_grad()
    assert not torch.equal(model.weight, before)
print("torch._dynamo.config" in sys.modules)
"""

COMPILE = """
twice = torch.compile(lambda x: 2 * x, backend="eager", fullgraph=True)
assert twice(torch.ones(2)).tolist() == [2.0, 2.0]
import torch._dynamo
from torch._dynamo.utils import counters
assert counters["stats"]["unique_graphs"] == 1
assert type(torch._dynamo).__name__ == "module"
compiler.leave_out()
optimiser.step()
print("torch._dynamo.config" in sys.modules)
"""


def printed(code):
    done = subprocess.run(  # noqa: S603 (our own Python)
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_optimisers_step_without_the_compiler():
    assert printed(TRAIN) == ["False"]


def test_what_is_compiled_afterwards_loads_it_and_is_compiled():
    assert printed(TRAIN + COMPILE) == ["False", "True"]
