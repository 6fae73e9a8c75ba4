"""What the report says besides numbers: flags, claims and the method, in plain words.

Called by the tables and pages of this package. Verdicts, those on claims too, have their words in
`reports.figures.palette`, beside their colours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.figures.units import amount, spoken
from reports.render.tables import written

Document = Mapping[str, Any]

FLAGS: dict[str, str] = {
    "size_uncertain": "clear of zero, but the interval still reaches into the margin: the"
    " difference is real and may be too small to matter",
    "holm_only": "Holm's p and the simultaneous interval disagree about zero; the verdict follows"
    " the interval",
    "failures_decide": "scoring the diverged runs as chance would change the verdict, so it is"
    " undecided",
    "fragile": "leaving out one seed, or the exact sign-flip test, would change the verdict",
    "capacity_confounded": "arm and control also differ in their number of parameters, so the"
    " difference may be one of size",
    "identical": "every pair gave exactly the same value; check that the arms differ",
    "no_spread": "every pair gave exactly the same difference; check that the seeds differ",
    "extended_after_results": "seeds were added after a verdict had been shown, so the test is one"
    " that stays valid under that",
}

WRITTEN = {
    "before": "written before any result",
    "after_results": "written after results had been seen",
}


def claim_note(claim: Document) -> str:
    """When a claim was written, and what it said before it was edited."""
    written = WRITTEN[claim["written"]]
    former = claim["former"]
    return f"edited after results had been seen: it said {former!r}" if former else written


def flag_text(flag: str) -> str:
    """A flag as words, with its explanation if it has one."""
    name = flag.replace("_", " ")
    return f"{name}: {FLAGS[flag]}" if flag in FLAGS else name


def claim_sentence(claim: Document) -> str:
    """What became of a claim, without the verdict that its badge already shows."""
    return str(claim["sentence"]).removeprefix(f"{claim['verdict']}: ")


def data_words(results: Document) -> str:
    """The data that each control was trained on, and with which recipe where that differs.

    Empty where it is not known.

    Example:
        >>> data = {"name": "digits", "subset": 500, "image_size": [16, 16], "label_noise": 0.1}
        >>> arm = {"name": "control", "control": "control", "comparison": "shared"}
        >>> data_words({"arms": [{**arm, "dataset": data, "recipe": {}}]})
        'digits (500 training images, 16x16 pixels, label noise 0.1)'
    """
    controls = [
        arm
        for arm in results["arms"]
        if arm["name"] == arm["control"]
        and arm["comparison"] == "shared"
        and "name" in arm["dataset"]
    ]
    by_name: dict[str, list[str]] = {}
    for arm, own in zip(controls, _own_settings(controls), strict=True):
        told = ", ".join(filter(None, (_changes(arm["dataset"]), *own)))
        by_name.setdefault(arm["dataset"]["name"], []).append(told)
    return "; ".join(
        f"{name} ({'; '.join(told or 'as it is' for told in held)})" if any(held) else name
        for name, held in by_name.items()
    )


def _own_settings(controls: Sequence[Document]) -> list[list[str]]:
    """Of each control, what of its recipe is not the same for all of them: `epochs 100`."""
    recipes = [arm["recipe"] for arm in controls]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    apart = [key for key in keys if any(one.get(key) != recipes[0].get(key) for one in recipes)]
    return [
        [f"{key.replace('_', ' ')} {written(recipe.get(key))}" for key in apart]
        for recipe in recipes
    ]


def _changes(data: Document) -> str:
    """What an arm's data are other than the whole data set as it is."""
    told = {
        "subset": "{:,} training images",
        "validation": "{:,} of them for validation",
        "permutation": "pixels permuted: {}",
        "label_noise": "label noise {:g}",
        "normalise": "normalise {}",
    }
    usual = (None, 0, "none", "unit")
    parts = [text.format(data[key]) for key, text in told.items() if data.get(key) not in usual]
    if data.get("image_size"):
        parts.insert(bool(data.get("subset")), "{}x{} pixels".format(*data["image_size"]))
    return ", ".join(parts)


def method_notes(results: Document) -> list[tuple[str, str]]:
    """How every number was computed: pairs of a heading and a sentence a student understands."""
    endpoint = results["endpoint"]
    metric = spoken(endpoint["metric"])
    better = "higher" if endpoint["direction"] == "maximize" else "lower"
    data = data_words(results)
    return [
        *([("Data", f"{data}.")] if data else []),
        ("Endpoint", f"{metric}, {better} is better; {_when(results)}."),
        (
            "Pairs",
            "Arms that share a seed share the split and the order of the images. Each arm is"
            " compared with the control seed by seed, which removes what both have in common.",
        ),
        *_interval_notes(results),
        (
            "Win probability",
            "The share of seeds at which the arm beat its control, a tie counting half; its"
            " interval is Wilson's. With 5 of 5 wins it still reaches down to 0.57.",
        ),
        (
            "Minimum detectable",
            "The smallest true difference these pairs would have found four times in five. A"
            " difference below it can be missed by bad luck.",
        ),
        (
            "Spread",
            "SD is the standard deviation over seeds, not of the mean. The CI of a mean is a t"
            " interval. IQM is the mean without the lowest and highest quarter of the seeds.",
        ),
        (
            "Reach",
            "The intervals say what another draw of seeds would give on this data set with this"
            " recipe, and nothing about other data.",
        ),
    ]


def _when(results: Document) -> str:
    codes = {note["code"] for note in (*results["warnings"], *results["refusals"])}
    was_changed = "endpoint_changed" in codes
    return "changed after results were shown" if was_changed else "named before the first run"


def _interval_notes(results: Document) -> list[tuple[str, str]]:
    endpoint = results["endpoint"]
    confidence = f"{100 * (1 - endpoint['alpha']):g} %"
    notes = [
        (
            "Simultaneous interval",
            f"Several contrasts give several chances to be wrong. These intervals are widened"
            f" (Bonferroni) so that all of a family hold together with {confidence} confidence."
            f" The verdict follows them.",
        ),
        (
            "p (Holm)",
            "How often differences at least this clear would appear if arm and control were alike,"
            " corrected for the number of contrasts. A large p is never evidence of no difference.",
        ),
    ]
    if endpoint["margin"] is not None:
        margin = amount(endpoint["margin"], endpoint["metric"])
        notes.insert(
            0,
            (
                "Margin",
                f"{margin}: the smallest difference that matters, {_when(results)}."
                f" Equivalent means that the difference is smaller than that, shown by two"
                f" one-sided tests, and not merely that none was found.",
            ),
        )
    return notes
