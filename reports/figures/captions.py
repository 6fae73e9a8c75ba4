"""What stands under each figure: n, what the bar is, and what a seed randomised.

Called by `gallery`; the words are plain text, escaped by whoever shows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.figures import detail_tables, tables
from reports.figures.tables import Document
from reports.figures.units import confidence, difference_unit, spoken

PER_CENT = "\N{NO-BREAK SPACE}%"
RANDOMISED = (
    "A seed draws initial weights, image order and, where used, split, augmentation and dropout."
)
METHODS = {
    "paired": "paired t on the differences within seeds",
    "welch": "Welch's t, the seeds being unpaired",
    "sequential": "group-sequential t, valid at the look where it stopped",
    "anytime": "anytime-valid t, valid however many seeds were added",
}


def n_seeds(results: Document) -> str:
    """How many finished runs the arms have, as words.

    Example:
        >>> n_seeds({"arms": [{"n_finished": 5}, {"n_finished": 4}]})
        'n = 4 to 5 seeds an arm'
    """
    counts = [arm["n_finished"] for arm in results["arms"]] or [0]
    return f"n = {_range(counts)} seed{'' if set(counts) == {1} else 's'} an arm"


def _range(counts: Iterable[int]) -> str:
    """`5`, or `4 to 5`; empty for none."""
    ordered = sorted(counts)
    return " to ".join(str(count) for count in dict.fromkeys(ordered[:1] + ordered[-1:]))


def estimation(results: Document) -> str:
    """The caption of the estimation plot."""
    contrasts = results["contrasts"]
    parts = [
        f"Each dot is the {spoken(results['endpoint']['metric'])} of one seed, {n_seeds(results)}."
    ]
    if any(arm["ci"] for arm in results["arms"]):
        parts.append(f"Diamond and bar: mean and its own {confidence(results)} t interval.")
    if contrasts:
        if any(contrast["n_pairs"] for contrast in contrasts):
            parts.append(
                "The open dot above is the control's value of the same seed, joined to it by a"
                " line."
            )
        parts.append(_differences(results))
    return " ".join([*parts, RANDOMISED])


def _differences(results: Document) -> str:
    contrasts = results["contrasts"]
    if not any(contrast["ci_adjusted"] for contrast in contrasts):
        return "Differences are drawn without intervals: there are too few pairs for one."
    level = 100 * (1 - results["endpoint"]["alpha"])
    methods = sorted(
        {METHODS.get(contrast["method"], contrast["method"]) for contrast in contrasts}
    )
    shown = _range(one["n_pairs"] for one in contrasts if one["method"] != "welch")
    over = f"over {shown} pairs" if shown else "of arms that share no seed,"
    return (
        f"Differences: mean {over} with the simultaneous interval"
        f" ({'; '.join(methods)}), wide enough that all intervals of a family hold together"
        f" with {level:g}{PER_CENT} confidence. Shaded: differences smaller than the margin. An"
        f" arrowhead: the interval goes on."
    )


def claims(results: Document) -> str:
    """The caption of what claims rest on."""
    pairs = [c["numbers"]["n_pairs"] for c in results["claims"] if "n_pairs" in c["numbers"]]
    bars = (
        f" Bar: the simultaneous interval, n = {_range(pairs)} pairs; without one the number was"
        " counted, or there are too few pairs. Of a difference within the margin the verdict"
        " follows the narrower interval for equivalence."
        if pairs
        else " Counted, not measured: n = 1 network each, no seed and no interval."
    )
    return (
        "Each claim's numbers beside the region (shaded) in which it holds: supported where they"
        " lie in it, refuted where they lie outside, undecided else or where lost runs or a"
        f" refusal leave it open.{bars} A count that is exactly the one that was claimed is told"
        " above and not drawn."
    )


def curves(results: Document, measure: str) -> str:
    """The caption of the learning curves of one measure."""
    return (
        f"{spoken(measure).capitalize()} by epoch, {n_seeds(results)}. Thin lines: every seed."
        " Strong line: the median at each epoch (pointwise; no interval is drawn)."
        f" Grey: the control's median. {RANDOMISED}"
    )


def cost(results: Document, costs: Document) -> str:
    """The caption of accuracy against cost."""
    table = detail_tables.cost_table(results, costs)
    device = ", ".join(costs["device"]) or "an unknown device"
    timed = (
        f" Seconds and latency on {device}; the horizontal bar reaches from the shortest run to the"
        f" longest."
        if table["cost"].str.endswith("seconds").any()
        else ""
    )
    front = (
        " Filled and joined: by these means no other arm is at least as good at no more cost, which"
        " luck alone can bring about."
        if table["is_on_front"].any()
        else ""
    )
    return (
        f"Mean {spoken(results['endpoint']['metric'])}"
        f"{_own_interval(results, results['arms'])}, {n_seeds(results)}, against what the arm"
        f" costs (logarithmic; MACs are multiply-accumulates).{timed}{front} A better arm of the"
        f" same size does not owe it to capacity. {RANDOMISED}"
    )


def _own_interval(results: Document, described: Sequence[Document]) -> str:
    """What a bar on a mean is, where one of those described has one."""
    has_one = any(one["ci"] for one in described)
    return f" with its own {confidence(results)} t interval" if has_one else ""


def looks(results: Document) -> str:
    """The caption of the path over the looks."""
    level = 100 * (1 - results["endpoint"]["alpha"])
    numbers = ", ".join(str(look) for look in results["sequential"]["looks"])
    return (
        f"Difference to the control at each planned look (n = {numbers} pairs) with the repeated"
        f" interval, which allows for all looks and all contrasts together at {level:g}{PER_CENT}."
        f" A contrast stops when it leaves zero, or lies within the margin (shaded). An estimate"
        f" at which it stopped tends to be too large. {RANDOMISED}"
    )


def budget(results: Document) -> str:
    """The caption of the tuning budget."""
    shown = _range(len(arm["expected_best"]) for arm in results["budget"]["arms"])
    return (
        f"Best {spoken(results['budget']['metric'])} that so many tuning trials are expected to"
        f" find, n = {shown} trials an arm (no interval). Where lines cross, the better arm depends"
        f" on the budget; beyond half of the trials a line rests on a few of the best."
    )


def classes(results: Document) -> str:
    """The caption of the differences by class."""
    contrasts = results["per_class"]["contrasts"]
    has_one = any(one["ci_adjusted"] for contrast in contrasts for one in contrast["classes"])
    bars = (
        f", with paired t intervals that hold for all classes of a contrast together at"
        f" {confidence(results)}"
        if has_one
        else ", without intervals: there are too few pairs for one"
    )
    return (
        f"Difference in accuracy on the test images of each class,"
        f" n = {_range(one['n_pairs'] for one in contrasts)} pairs{bars}."
        f" Exploratory: not corrected for the number of contrasts or of looks, and no verdict rests"
        f" on it. {RANDOMISED}"
    )


def confusion(results: Document) -> str:
    """The caption of the confusion matrices."""
    table = detail_tables.confusion_table(results)
    wrong = table[table["row"] != table["column"]]
    said = (
        f"Mistakes only: the share of each class (down) that is taken for another (across), mean"
        f" over seeds, {n_seeds(results)}; no interval."
    )
    if wrong.empty or not wrong["share"].max():
        return said
    most = wrong.sort_values("share", ascending=False, kind="stable").iloc[0]
    return (
        f"{said} The darkest is {most['share']:.1f}{PER_CENT}: {most['true']} taken for"
        f" {most['predicted']} ({tables.arm_label(most['arm'], most['comparison'])})."
    )


def images(results: Document) -> str:
    """The caption of the images on which two arms disagree."""
    pairs = _range(one["n_pairs"] for one in results["per_class"]["contrasts"])
    return (
        f"Test images on which arm and control disagree most: what the image is, and what each"
        f" takes it for at most seeds, in colour where that is wrong; n = {pairs} pairs. Chosen"
        f" because they differ, from a fixed sample: they show kinds of mistakes, not how many."
    )


def layers(results: Document) -> str:
    """The caption of what was measured by layer."""
    return (
        f"Measured by layer, from the input on: mean"
        f"{_own_interval(results, detail_tables.by_layer(results))}, {n_seeds(results)}. The change"
        f" is that of the layer's output when test images move by a pixel, relative to the output;"
        f" the other measures are of training images, at the end of training unless a panel says"
        f" that it is of the untrained network. On a logarithmic axis a bar that reaches 0 goes to"
        f" its foot. {RANDOMISED}"
    )


def epochs(results: Document) -> str:
    """The caption of what was measured by layer in the course of training."""
    return (
        f"Measured by layer on a sample of training images, before training, after some of its"
        f" epochs and at its end: mean{_own_interval(results, detail_tables.by_layer(results))},"
        f" {n_seeds(results)}. A measure that stayed 0 in every layer is not drawn. {RANDOMISED}"
    )


def interaction(results: Document) -> str:
    """The caption of the interaction plot."""
    return (
        f"Mean {spoken(results['endpoint']['metric'])} of each arm"
        f"{_own_interval(results, results['arms'])}, {n_seeds(results)}. Parallel lines: the"
        f" effects add up. Intervals that overlap say nothing of a difference within seeds; the"
        f" table of effects does. {RANDOMISED}"
    )


def shift(results: Document) -> str:
    """The caption of the shift probe."""
    return (
        f"Mean accuracy{_own_interval(results, results['probes']['shift'])} when the same test"
        f" images are moved by so many pixels, mean of eight directions, {n_seeds(results)};"
        f" nothing is trained again. The steeper the line, the more the network depends on where"
        f" the object stands. {RANDOMISED}"
    )


def neighbours(results: Document) -> str:
    """The caption of neighbours in a flattened image; names the arms that share a line."""
    table = detail_tables.neighbour_table(results).drop_duplicates("label")
    groups = [arms for arms in table["arms"] if len(arms) > 1]
    same = "".join(f" Sharing a line: {', '.join(arms)}." for arms in groups)
    return (
        "Correlation of pixels so far apart, over all pairs in a fixed sample of training images,"
        f" {n_seeds(results)}: a property of an arm's data, which all its seeds share but for a"
        f" validation split; no interval. In the vector a row's end is next to the start of the"
        f" row below.{same}"
    )


def filters(results: Document) -> str:
    """The caption of first-layer filters and feature maps."""
    seeds = _range(arm["seed"] for arm in results["probes"]["filters"])
    return (
        f"Of each arm one run alone (n = 1, seed {seeds}): the first few weights of its first"
        " layer, and for a convolution what the layer makes of some test images, before its"
        " activation. Blue is below 0, red above; each picture has its own scale, from minus to"
        " plus its largest value (in the data). Another seed has other filters: they show kinds,"
        " and prove nothing."
    )


def growth(results: Document) -> str:
    """The caption of the growth of the counts; names the arms that share a line."""
    table = tables.growth_table(results).drop_duplicates("label")
    groups = [arms for arms in table["arms"] if len(arms) > 1]
    same = "".join(f" Sharing a line: {', '.join(arms)}." for arms in groups)
    return (
        "Counted, not measured: n = 1 network an arm and size, no seed and no interval. Both axes"
        f" are logarithmic, so a straight line is a power law.{same}"
    )


def alt(results: Document, title: str, *, is_estimation: bool = False) -> str:
    """A text that stands in for the picture; the numbers themselves are in the tables."""
    if not is_estimation:
        return f"{title} of {results['study']}; the numbers are in the data linked below"
    unit = difference_unit(results["endpoint"]["metric"])
    differences = tables.difference_table(results)
    parts = [
        f"{contrast['name']}: {record['estimate']:+.2f} {unit}, {record['verdict'] or 'no verdict'}"
        for contrast, record in zip(
            (row.contrast for row in tables.estimation_rows(results) if row.contrast),
            tables.records(differences),
            strict=True,
        )
    ]
    return f"Values of every seed and differences to the control. {'; '.join(parts)}"
