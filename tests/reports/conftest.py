"""Made studies: a run table and a plan from values by arm, small enough to check by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from reports.plan import AnalysisPlan, ArmFacts, ContrastSpec, Endpoint

MakeRuns = Callable[..., pd.DataFrame]
MakePlan = Callable[..., AnalysisPlan]


@pytest.fixture
def make_runs() -> MakeRuns:
    """A run table from values by arm; a state's name in place of a value is a failed run."""

    def make(
        values: Mapping[str, Sequence[float | str]],
        metric: str = "test/accuracy",
        comparison: str = "shared",
    ) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for arm, by_seed in values.items():
            for seed, value in enumerate(by_seed):
                is_failed = isinstance(value, str)
                rows.append(
                    {
                        "run_key": f"key-{arm}-{comparison}-{seed}",
                        "arm": arm,
                        "comparison": comparison,
                        "seed": seed,
                        "state": value if is_failed else "FINISHED",
                        metric: float("nan") if is_failed else value,
                    }
                )
        return pd.DataFrame(rows, columns=["run_key", "arm", "comparison", "seed", "state", metric])

    return make


@pytest.fixture
def make_plan() -> MakePlan:
    """A plan that compares every arm with the first, on five seeds unless told otherwise."""

    def make(
        names: Sequence[str],
        /,
        *,
        metric: str = "test/accuracy",
        direction: Any = "maximize",
        margin: float = 0.005,
        **more: Any,
    ) -> AnalysisPlan:
        control, *others = names
        facts = tuple(ArmFacts(name, dataset={"name": "made", "n_classes": 10}) for name in names)
        contrasts = tuple(ContrastSpec(f"{arm} - {control}", arm, control) for arm in others)
        settings: dict[str, Any] = {"contrasts": contrasts, "seeds": (0, 1, 2, 3, 4), "arms": facts}
        return AnalysisPlan(
            control=control,
            factors={},
            endpoint=Endpoint(metric, direction, margin),
            **{**settings, **more},
        )

    return make
