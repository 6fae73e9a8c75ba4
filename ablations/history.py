"""What a study planned before, and which verdicts a person has already seen.

A verdict that was shown, followed by more seeds, is no longer the test that was planned. The
history kept on the study's parent run makes that visible. Pure; called by `tracking` and `reports`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ablations.claims import CONTRAST_SIGN
from ablations.errors import counted

History = list[dict[str, Any]]


class Deviation(NamedTuple):
    """What changed after results had been shown: a code that a study may accept, and words."""

    code: str
    text: str


class ClaimPast(NamedTuple):
    """What the history says of one claim.

    Attributes:
        stored_ms: When it was first stored; milliseconds since 1970.
        is_late: Whether numbers of the study had been seen by then.
        former: What it said when they were seen, if it was edited since; else empty.
    """

    stored_ms: int
    is_late: bool
    former: str = ""


def entry(plan: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The part of `plan.json` that later plans are held against.

    `shown` has the verdicts that a person has seen, and `seen` says whether any numbers were;
    `seen_ms` is there from then on.
    """
    return {
        "digest": plan["digest"],
        "stored_ms": now_ms,
        "endpoint": plan["endpoint"],
        "control_levels": _controls(plan),
        "seeds": plan["seeds"],
        **({"looks": plan["looks"]} if "looks" in plan else {}),
        "arms": _keys(plan),
        **({"tuning": _tuning(plan)} if "tuning" in plan else {}),
        "claims": {
            one["digest"]: {"text": one["text"], "said": one["said"]} for one in _claims(plan)
        },
        "shown": {},
        "seen": False,
    }


def extended(history: History, plan: Mapping[str, Any], now_ms: int) -> History:
    """`history` with this plan last, unless it is last already."""
    if history and history[-1]["digest"] == plan["digest"]:
        return history
    return [*history, entry(plan, now_ms)]


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
    history: History, plan: Mapping[str, Any], seeds: Mapping[str, list[int]], now_ms: int
) -> History:
    """`history` after verdicts of the newest plan were shown.

    Args:
        history: Its last entry is `plan`'s.
        plan: `plan.json`.
        seeds: The seeds of every contrast that got a verdict, by its name; of claims as well.
        now_ms: Milliseconds since 1970.
    """
    pairs = _pairs(plan)
    shown = {
        name: {"arm": pairs[name][0], "control": pairs[name][1], "seeds": sorted(used)}
        for name, used in seeds.items()
    }
    past = history[-1]
    last = {**past, "shown": {**shown, **past["shown"]}, "seen": True}
    return [*history[:-1], {**last, "seen_ms": past.get("seen_ms", now_ms)}]


def claims_past(history: History, plan: Mapping[str, Any]) -> dict[str, ClaimPast]:
    """Of every claim of `plan`, by its digest, when it was written and what it said before.

    Times decide, since what another study has shown may have been adopted later than it was shown.

    Args:
        history: Has `plan` in it.
        plan: `plan.json`.
    """
    now, late = {one["digest"]: one for one in _claims(plan)}, late_claims(history, plan)
    found = {}
    for key, one in now.items():
        stored_ms = min(p["stored_ms"] for p in history if key in p.get("claims", {}))
        former = _former(history, one, set(now), stored_ms) if key in late else ""
        found[key] = ClaimPast(stored_ms, key in late, former)
    return found


def late_claims(history: History, plan: Mapping[str, Any]) -> set[str]:
    """Digests of the claims of `plan` that were first stored once numbers had been seen.

    One that is not stored yet is late where any have been.
    """
    seen_ms = min((_seen_ms(past) for past in history if past.get("seen")), default=None)
    if seen_ms is None:
        return set()
    first = {
        one["digest"]: [p["stored_ms"] for p in history if one["digest"] in p.get("claims", {})]
        for one in _claims(plan)
    }
    return {key for key, stored in first.items() if not stored or seen_ms < min(stored)}


def _former(history: History, one: Mapping[str, Any], now: set[str], stored_ms: int) -> str:
    """What a claim was made of: one that is gone, of the same words or the same relation."""
    for past in reversed(history):
        for key, other in past.get("claims", {}).items():
            if key in now or past["stored_ms"] >= stored_ms:
                continue
            if other["text"] == one["text"]:
                return str(other["said"])
            if other["said"] == one["said"]:
                return str(other["text"])
    return ""


def _seen_ms(past: Mapping[str, Any]) -> int:
    """When numbers were first seen; before anything else where that was not kept."""
    return int(past.get("seen_ms", 0))


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
    first, now = shown[0], entry(plan, 0)
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
    found += _tuning_deviations(shown, plan, when)
    return [*found, *_claim_deviations(history, shown, plan)]


def _tuning_deviations(shown: History, plan: Mapping[str, Any], when: str) -> list[Deviation]:
    tuned = [past["tuning"] for past in shown if past.get("tuning")]
    if tuned and _tuning(plan) != tuned[0]:
        return [Deviation("tuning_changed", f"recipes were tuned otherwise {when}")]
    return []


def _claim_deviations(
    history: History, shown: History, plan: Mapping[str, Any]
) -> Iterator[Deviation]:
    """Claims that were edited, or taken back, once numbers had been seen."""
    past = claims_past(history, plan)
    for one in _claims(plan):
        if former := past[one["digest"]].former:
            yield Deviation(
                "claims_edited",
                f"claim {one['text']!r} was edited after results were shown: it said {former!r}",
            )
    kept = {one["text"] for one in _claims(plan)} | {one["said"] for one in _claims(plan)}
    gone = {
        one["text"]: None
        for past_ in shown
        if "study" not in past_  # what another study claimed is its own affair
        for one in past_.get("claims", {}).values()
        if not {one["text"], one["said"]} & kept
    }
    for text in gone:
        yield Deviation("claims_dropped", f"claim {text!r} was dropped after results were shown")


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


def _claims(plan: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = plan.get("claims", ())
    return found


def _sides(shown: Mapping[str, Any]) -> frozenset[str]:
    return frozenset((shown["arm"], shown["control"]))


def shown_name(contrast: str, comparison: str) -> str:
    """Under which a verdict on a contrast is remembered."""
    return contrast if comparison == "shared" else f"{contrast} ({comparison})"


def shown_texts(past: Mapping[str, Any]) -> list[str]:
    """What was shown of a plan: its contrasts, and for statements about one arm that arm."""
    told = [
        name if one["arm"] != one["control"] else name.partition(CONTRAST_SIGN)[2]
        for name, one in past["shown"].items()
    ]
    return list(dict.fromkeys(told))


def _pairs(plan: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Both arms of every contrast, those of claims included, by the name it is remembered under.

    An arm at the recipe that was tuned for it is another than at the shared one.
    """
    primary = "tuned" if "tuning" in plan else "shared"
    claimed = [
        {"name": one["name"], "arm": one["sides"][0], "control": one["sides"][1]}
        for one in _claims(plan)
        if one["name"]
    ]
    found = {}
    for item in [*claimed, *plan["contrasts"]]:
        comparison = item.get("comparison", primary)
        # Where an arm is tuned otherwise, its contrast is another question.
        recipe = comparison if comparison == "shared" else f"{comparison} {_tuning(plan)}"
        keys = {name: shown_name(key, recipe) for name, key in _keys(plan).items()}
        name = shown_name(item["name"], comparison)
        found[name] = (keys[item["arm"]], keys[item["control"]])
    return found


def _tuning(plan: Mapping[str, Any]) -> str:
    """How recipes are searched for; empty where they are not."""
    searched = {k: v for k, v in plan.get("tuning", {}).items() if k != "max_repeats"}
    text = json.dumps(searched, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16] if searched else ""


def _keys(plan: Mapping[str, Any]) -> dict[str, str]:
    arms: Sequence[Mapping[str, Any]] = plan["arms"]
    return {arm["name"]: arm["arm_key"] for arm in arms}
