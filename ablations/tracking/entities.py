"""What a record becomes in MLflow, and what is read back of a run: tags, params, metrics.

Called by `store`; every name is one of `ablations.record`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ablations import record as names
from ablations.designs import level_text
from ablations.record import OpenRun, RunRecord, RunState, StoredRun
from ablations.spec import TUNING_SEED

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run


def run_tags(record: RunRecord) -> dict[str, str]:
    """Tags of a run, less its state."""
    tags = {
        names.TAG_KIND: record.kind,
        names.TAG_ARM: record.arm,
        names.TAG_COMPARISON: record.comparison,
        names.TAG_VARIANT: str(record.spec["variant"]),
        names.TAG_SEED: str(record.seed),
        names.TAG_RUN_KEY: record.run_key,
        names.TAG_ENV_KEY: record.env_key,
        names.TAG_PLACE_KEY: record.environment.place_key,
        names.TAG_ATTEMPT: str(record.attempt),
    }
    if record.kind == names.KIND_TUNING:
        tags[names.TAG_SEARCH] = str(record.spec["search"])
        tags[names.TAG_TRIAL] = str(record.spec["trial"])
        tags[names.TAG_SPLIT_SEED] = str(TUNING_SEED)
    for item in record.measurements:
        tags[names.TAG_PROBE_PREFIX + item.probe] = item.probe_key
    if record.commit:
        tags[names.TAG_COMMIT] = record.commit.sha
    if record.reused_from:
        tags[names.TAG_REUSED_FROM] = record.reused_from
    if record.message:
        tags["message"] = record.message[:5000]
    return tags


def run_params(record: RunRecord) -> list[Any]:
    """`level.*`, `recipe.*`, `dataset.*`: the same keys for every run of a family."""
    from mlflow.entities import Param

    groups = {
        "level": record.spec["levels"],
        "recipe": record.spec["recipe"],
        "dataset": record.spec["dataset"],
    }
    return [
        Param(f"{group}.{key}", level_text(value)[:6000])
        for group, values in groups.items()
        for key, value in values.items()
    ]


def run_metrics(record: RunRecord) -> list[Metric]:
    """Curves by epoch; what is known once stands at step 0, where MLflow's UI draws bars."""
    from mlflow.entities import Metric

    stamp = record.finished_ms
    curves = [
        Metric(name, value, stamp, epoch)
        for name, values in record.curves.items()
        for epoch, value in enumerate(values, start=1)
    ]
    curves += [
        Metric("cost/seconds_of_epoch", value, stamp, epoch)
        for epoch, value in enumerate(record.epoch_seconds, start=1)
    ]
    once = {name: value for name, value in record.metrics.items() if name not in record.curves}
    once |= {f"cost/{name}": record.spec[name] for name in ("n_parameters", "n_macs")}
    probed = [
        Metric(name, float(value), item.measured_ms or stamp, 0)
        for item in record.measurements
        for name, value in item.metrics.items()
    ]
    return curves + [Metric(name, float(value), stamp, 0) for name, value in once.items()] + probed


def open_run(run: Run, hosts: Mapping[str, str]) -> OpenRun:
    """A run that the store says is RUNNING; `hosts` has the machine that drove each study last."""
    tags = run.data.tags
    study = tags.get(names.TAG_STUDY, "")
    return OpenRun(
        run_id=run.info.run_id,
        name=run.info.run_name,
        study=study,
        is_study=tags[names.TAG_KIND] == names.KIND_STUDY,
        run_key=tags.get(names.TAG_RUN_KEY, ""),
        attempt=int(tags.get(names.TAG_ATTEMPT, 0)),
        state=RunState(tags[names.TAG_STATE]) if names.TAG_STATE in tags else None,
        host=hosts.get(study, ""),
    )


def stored_run(run: Run, metric: str = "") -> StoredRun:
    """What is known of a run whose state is written, with its value of a metric if one is named."""
    tags = run.data.tags
    prefix = names.TAG_PROBE_PREFIX
    return StoredRun(
        run_id=run.info.run_id,
        study=tags.get(names.TAG_STUDY, ""),
        run_key=tags[names.TAG_RUN_KEY],
        env_key=tags[names.TAG_ENV_KEY],
        attempt=int(tags[names.TAG_ATTEMPT]),
        state=RunState(tags[names.TAG_STATE]),
        probe_keys={
            key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)
        },
        train_seconds=run.data.metrics.get("cost/train_seconds", 0.0),
        images_per_second=run.data.metrics.get("cost/images_per_second", 0.0),
        n_macs=int(run.data.metrics.get("cost/n_macs", 0)),
        arm=tags[names.TAG_ARM],
        seed=int(tags[names.TAG_SEED]),
        value=run.data.metrics.get(metric),
        search=tags.get(names.TAG_SEARCH, ""),
    )
