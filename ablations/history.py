"""What a study planned before, and which verdicts a person has already seen.

A verdict that was shown, followed by more seeds, is no longer the test that was planned. The
history kept on the study's parent run makes that visible. Pure; called by `tracking` and `reports`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ablations.errors import counted

History = list[dict[str, Any]]


class Deviation(NamedTuple):
    """What changed after results had been shown: a code that a study may accept, and words."""

    code: str
    text: str


def entry(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `plan.json` that later plans are held against.

    `shown` has the verdicts that a person has seen, and `seen` says whether any numbers were.
    """
    return {
        "digest": plan["digest"],
        "endpoint": plan["endpoint"],
        "control_levels": _controls(plan),
        "seeds": plan["seeds"],
        **({"looks": plan["looks"]} if "looks" in plan else {}),
        "arms": _keys(plan),
        "shown": {},
        "seen": False,
    }


def extended(history: History, plan: Mapping[str, Any]) -> History:
    """`history` with this plan last, unless it is last already."""
    if history and history[-1]["digest"] == plan["digest"]:
        return history
    return [*history, entry(plan)]


def adopted(others: Mapping[str, History], plan: Mapping[str, Any]) -> History:
    """What other studies have shown of this plan's contrasts: the past of a study that is new.

    A study under a new name has not forgotten what was seen under the old one.

    Args:
        others: The history of each other study of the store.
        plan: `plan.json`.
    """
    pairs = {frozenset(pair) for pair in _pairs(plan).values()}
    found = []
    for study, past in sorted(others.items()):
        own = [item for item in past if "study" not in item]  # the rest was adopted there itself
        for item in own:
            shown = {k: s for k, s in item["shown"].items() if _sides(s) in pairs}
            if shown:
                found.append({**item, "study": study, "shown": shown})
    return found


def remembering(own: History, others: Mapping[str, History], plan: Mapping[str, Any]) -> History:
    """A study's history, and before it what others have shown that it does not hold yet."""
    return [*(item for item in adopted(others, plan) if item not in own), *own]


def with_shown(
    history: History, plan: Mapping[str, Any], seeds: Mapping[str, list[int]]
) -> History:
    """`history` after verdicts of the newest plan were shown.

    Args:
        history: Its last entry is `plan`'s.
        plan: `plan.json`.
        seeds: The seeds of every contrast that got a verdict, by contrast name.
    """
    pairs = _pairs(plan)
    shown = {
        name: {"arm": pairs[name][0], "control": pairs[name][1], "seeds": sorted(used)}
        for name, used in seeds.items()
    }
    last = {**history[-1], "shown": {**shown, **history[-1]["shown"]}, "seen": True}
    return [*history[:-1], last]


def shown_seeds(history: History, plan: Mapping[str, Any]) -> dict[str, list[int]]:
    """By contrast of `plan`: the fewest seeds behind a verdict shown for it, under any name.

    A contrast that was shown the other way round was shown.
    """
    return {name: seeds for name, (seeds, _) in _first_shown(history, plan).items()}


def shown_looks(history: History, plan: Mapping[str, Any]) -> dict[str, list[int]]:
    """By contrast of `shown_seeds`: the looks that were planned then; empty for none.

    Looks that are planned once a verdict has been shown are none that it was planned with.
    """
    return {name: looks for name, (_, looks) in _first_shown(history, plan).items()}


def _first_shown(
    history: History, plan: Mapping[str, Any]
) -> dict[str, tuple[list[int], list[int]]]:
    """Seeds and looks behind the verdict on the fewest seeds, by contrast of `plan`."""
    found = {}
    for name, pair in _pairs(plan).items():
        shown = [
            (one["seeds"], past.get("looks", []))
            for past in history
            for one in past["shown"].values()
            if _sides(one) == frozenset(pair)
        ]
        if shown:
            found[name] = min(shown, key=lambda one: len(one[0]))
    return found


def n_gone(history: History, plan: Mapping[str, Any]) -> int:
    """Contrasts that were shown and are not this plan's: they had their chance to be wrong.

    A study whose arms were all trained otherwise is another question.
    """
    shown = [past for past in history if past["shown"]]
    arms = {key for past in shown for key in past["arms"].values()}
    return _gone(shown, plan) if arms & set(_keys(plan).values()) else 0


def _gone(shown: History, plan: Mapping[str, Any]) -> int:
    """How many pairs of arms that were shown are not compared any more."""
    held = {frozenset(pair) for pair in _pairs(plan).values()}
    return len({_sides(one) for past in shown for one in past["shown"].values()} - held)


def deviations(history: History, plan: Mapping[str, Any]) -> list[Deviation]:
    """What changed after results had been shown; a report is stamped with it."""
    shown = [past for past in history if past["shown"] or past.get("seen")]
    if not shown:
        return []
    first, now = shown[0], entry(plan)
    when = "when results were first shown"
    when += f" in study {first['study']!r}" if "study" in first else ""
    found = [
        Deviation(
            "endpoint_changed",
            f"the endpoint's {key} was {first['endpoint'][key]!r} {when}, now {value!r}",
        )
        for key, value in now["endpoint"].items()
        if first["endpoint"].get(key) != value
    ]
    looks, before = now.get("looks", []), first.get("looks", [])
    if looks != before:
        text = f"looks were planned at {_told(before)} {when}, now at {_told(looks)}"
        found.append(Deviation("looks_changed", text))
    if any(levels not in now["control_levels"] for levels in first.get("control_levels", [])):
        found.append(Deviation("control_changed", f"the control was another network {when}"))
    elif not set(first["arms"].values()) & set(now["arms"].values()):
        found.append(Deviation("arms_changed", f"every arm was trained otherwise {when}"))
    else:
        gone = _gone(shown, plan)
        if gone:
            text = f"{counted(gone, 'contrast')} of which a verdict had been shown: gone now"
            found.append(Deviation("contrasts_dropped", text))
    seen = {seed for past in shown for seed in past["seeds"]}
    dropped = sorted(seen - set(now["seeds"]))
    added = sorted(set(now["seeds"]) - set(first["seeds"]))
    if dropped:
        text = f"seeds {dropped} were dropped after results were shown"
        found.append(Deviation("seeds_dropped", text))
    if added:
        text = f"seeds {added} were added after results were shown"
        found.append(Deviation("seeds_added", text))
    return found


def _told(looks: Sequence[int]) -> str:
    return f"{', '.join(map(str, looks))} seeds" if looks else "the end alone"


def _controls(plan: Mapping[str, Any]) -> list[Any]:
    """The levels of each control that differs from the others: one network on all data sets."""
    names = {arm.get("control", plan["control"]) for arm in plan["arms"]}
    found: list[Any] = []
    for arm in plan["arms"]:
        if arm["name"] in names and arm["levels"] not in found:
            found.append(arm["levels"])
    return found


def _sides(shown: Mapping[str, Any]) -> frozenset[str]:
    return frozenset((shown["arm"], shown["control"]))


def _pairs(plan: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Arm key and control's arm key of every contrast, by its name."""
    keys = _keys(plan)
    return {item["name"]: (keys[item["arm"]], keys[item["control"]]) for item in plan["contrasts"]}


def _keys(plan: Mapping[str, Any]) -> dict[str, str]:
    arms: Sequence[Mapping[str, Any]] = plan["arms"]
    return {arm["name"]: arm["arm_key"] for arm in arms}
