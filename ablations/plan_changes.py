"""What a study's plan has other than the plan stored before it, and what each change means.

Pure; called by the runner and by `plan`, on two contents of `plan.json`. What a change means for
verdicts that were shown is `history`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablations.designs import level_text
from ablations.errors import counted

PlanJson = Mapping[str, Any]

_PARTS = ("levels", "recipe", "dataset")
_ANEW = "trained anew, and what was trained before stays stored"


def plan_changes(old: PlanJson, new: PlanJson) -> list[str]:
    """A sentence for everything that differs between two plans of a study, in the order of weight.

    Args:
        old: The plan that is stored.
        new: The plan that is to take its place.
    """
    return [
        *_every_run(old, new),
        *_arms(old, new),
        *_seeds(old["seeds"], new["seeds"]),
        *_looks(old.get("looks", []), new.get("looks", [])),
        *_endpoint(old["endpoint"], new["endpoint"]),
        *_tuning(old.get("tuning", {}), new.get("tuning", {})),
        *_probes(old["probes"], new["probes"]),
        *_claims(old.get("claims", []), new.get("claims", [])),
        *_accepted(old.get("accept", []), new.get("accept", [])),
    ]


def _every_run(old: PlanJson, new: PlanJson) -> Iterator[str]:
    """What is no arm's and yet in the key of every run."""
    if old["root_seed"] != new["root_seed"]:
        yield f"root_seed was {old['root_seed']}, now {new['root_seed']}: every run is {_ANEW}"
    if "test" in (old["curves"], new["curves"]) and old["curves"] != new["curves"]:
        yield f"curves were of {old['curves']}, now of {new['curves']}: every run is {_ANEW}"


def _arms(old: PlanJson, new: PlanJson) -> Iterator[str]:
    """An arm is known by what it is: names may be traded, and nothing is trained for it."""
    before, now = ({arm["name"]: arm for arm in plan["arms"]} for plan in (old, new))
    former = {arm["arm_key"]: name for name, arm in before.items()}
    present = {arm["arm_key"] for arm in now.values()}
    changed = {
        name: _differences(before[name], arm)
        for name, arm in now.items()
        if name in before
        and arm["arm_key"] not in former
        and before[name]["arm_key"] not in present
    }
    yield from _changed_arms(changed, len(set(before) & set(now)))
    for name, arm in now.items():
        if former.get(arm["arm_key"], name) != name:
            yield f"arm {former[arm['arm_key']]!r} is called {name!r} now: its runs are kept"
    added = [n for n, arm in now.items() if arm["arm_key"] not in former and n not in changed]
    if added:
        yield f"new: {_named(added)}, to be trained"
    gone = [n for n, arm in before.items() if arm["arm_key"] not in present and n not in changed]
    if gone:
        yield f"gone: {_named(gone)}, whose runs stay stored and are in no report of this plan"


def _changed_arms(changed: Mapping[str, str], n_kept: int) -> Iterator[str]:
    """Arms that have the same change are told together."""
    for difference in dict.fromkeys(changed.values()):
        names = [name for name, own in changed.items() if own == difference]
        who = "every arm" if len(names) == n_kept > 1 else _named(names)
        verb = "have" if who.startswith("arms") else "has"
        yield f"{who} {verb} {difference}: {_ANEW}"


def _differences(before: PlanJson, now: PlanJson) -> str:
    found = []
    for part in _PARTS:
        prefix = "" if part == "levels" else f"{part}."
        for key in dict.fromkeys([*before[part], *now[part]]):
            one, other = before[part].get(key), now[part].get(key)
            if one != other:
                found.append(f"{prefix}{key} {level_text(other)}, was {level_text(one)}")
    if before["variant"] != now["variant"]:
        found.insert(0, f"variant {now['variant']}, was {before['variant']}")
    return "; ".join(found) or "other code or other images"


def _seeds(old: Sequence[int], new: Sequence[int]) -> Iterator[str]:
    added, dropped = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    if added:
        yield f"seeds added: {', '.join(map(str, added))}"
    if dropped:
        yield (
            f"seeds left out: {', '.join(map(str, dropped))}; their runs stay stored and are in no "
            "report of this plan"
        )


def _looks(old: Sequence[int], new: Sequence[int]) -> Iterator[str]:
    if list(old) != list(new):
        before, now = (", ".join(map(str, looks)) or "none" for looks in (old, new))
        yield f"looks were {before}, now {now}: what is decided may change, and nothing is trained"


def _endpoint(old: PlanJson, new: PlanJson) -> Iterator[str]:
    for key, value in new.items():
        if old.get(key) != value:
            yield f"endpoint.{key} was {old.get(key)}, now {value}: nothing is trained for it"


def _tuning(old: PlanJson, new: PlanJson) -> Iterator[str]:
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    if not old or not new:
        yield from ["tuning added: trials are trained for it"] if new else []
        yield from ["tuning left out: its trials and runs stay stored"] if old else []
    elif keys == ["n_trials"] and new["n_trials"] > old["n_trials"]:
        n_more = new["n_trials"] - old["n_trials"]
        yield f"tuning: {counted(n_more, 'trial')} of every arm more; recipes are chosen anew"
    elif keys and keys != ["max_repeats"]:
        yield f"tuning has another {', '.join(keys)}: recipes are searched for and chosen anew"


def _probes(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    added = [_probe(one) for one in new if one not in old]
    if added:
        yield f"probes added: {', '.join(added)}; measured on what is stored, without training"


def _probe(plain: str | Mapping[str, Any]) -> str:
    """A probe's name, with what is asked of it where the plan says more."""
    if isinstance(plain, str):
        return plain
    ((name, asked),) = plain.items()
    return f"{name} ({', '.join(f'{key} {value}' for key, value in asked.items())})"


def _claims(old: Sequence[PlanJson], new: Sequence[PlanJson]) -> Iterator[str]:
    """Claims are known by their words; those whose words changed, by what they say."""
    kept = {one["digest"] for one in old} & {one["digest"] for one in new}
    gone = {one["text"]: one for one in old if one["digest"] not in kept}
    reworded = {one["said"]: text for text, one in gone.items()}
    for one in new:
        text, said = one["text"], one["said"]
        if one["digest"] in kept:
            continue
        former = text if text in gone else reworded.get(said)
        if former not in gone:
            yield f"claim added: {text!r} ({said}); nothing is trained for it"
        elif former == text:
            yield f"claim {text!r} said {gone[text]['said']}, now {said}: nothing is trained for it"
        else:
            yield f"claim {former!r} reads {text!r} now: nothing is trained for it"
        gone.pop(str(former), None)
    for text in gone:
        yield f"claim left out: {text!r}"


def _accepted(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for code in sorted(set(old) ^ set(new)):
        word = "accepted" if code in new else "no longer accepted"
        yield f"{code} is {word}: verdicts may come or go"


def _named(names: Sequence[str]) -> str:
    noun = "arm" if len(names) == 1 else "arms"
    return f"{noun} {', '.join(map(repr, names))}"
