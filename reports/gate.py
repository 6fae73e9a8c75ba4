"""Whether a contrast may be judged at all: what is asked before any verdict.

Called by `reports.analysis` and `reports.claims`. A contrast that is refused keeps its numbers and
gets no verdict. Some refusals a plan may accept: the verdict is given then, and the report says
at its top what was accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reports.plan import AnalysisPlan
from reports.questions import Question
from reports.results import Code, Message
from reports.table import Cell, Facts, Outcomes

AFTER_RESULTS: tuple[Code, ...] = ("endpoint_changed", "control_changed", "seeds_dropped")
"""Deviations that could have been made because of what was seen."""


@dataclass(frozen=True)
class Gate:
    """What is known of a study's runs before their values are looked at.

    Attributes:
        plan: With what it accepts.
        outcomes: Of every arm; only which runs there are is read.
        facts: How the finished runs were made.
    """

    plan: AnalysisPlan
    outcomes: Outcomes
    facts: Facts

    def asked(self, question: Question) -> Question:
        """The question, with every reason to give no verdict that the plan does not accept."""
        found = self._reasons(question)
        refusals = tuple(one for one in found if one.code not in self.plan.accepted)
        return replace(question, refusals=refusals)

    def notes(self, questions: Sequence[Question]) -> Iterator[Message]:
        """What the plan accepts and these questions met, each once; and devices that differ."""
        for one in dict.fromkeys(one for asked in questions for one in self._reasons(asked)):
            if one.code in self.plan.accepted:
                yield Message(one.code, f"accepted by the study: {one.text}")
        devices = [made.device for runs in self.facts.values() for made in runs.values()]
        if _differ(devices):
            yield Message(
                "mixed_devices",
                f"runs were trained on {_told(devices)}, which round otherwise; train all on one",
            )

    def _reasons(self, question: Question) -> list[Message]:
        spec = question.spec
        arm, control = (spec.arm, spec.comparison), (spec.control, spec.comparison)
        after = [
            Message(code, one.text)
            for one in self.plan.deviations
            for code in AFTER_RESULTS
            if one.code == code
        ]
        where = f"{spec.name} ({spec.comparison})"
        own = (
            *self._gone(question, arm, control),
            *self._seeds(question, arm, control),
            *self._making(arm, control),
        )
        return [*after, *(Message(code, f"{where}: {text}") for code, text in own)]

    def _gone(self, question: Question, arm: Cell, control: Cell) -> Iterator[tuple[Code, str]]:
        """Seeds behind a verdict that was shown, of which nothing is left here."""
        held = {seed for cell in (arm, control) for seed in self.outcomes.get(cell, {})}
        gone = sorted((question.shown or frozenset()) - held - set(self.plan.seeds))
        if gone:
            yield "seeds_dropped", f"seeds {gone} were dropped after its verdict was shown"

    def _seeds(self, question: Question, arm: Cell, control: Cell) -> Iterator[tuple[Code, str]]:
        """Arms that share some seeds and not others, unless the plan says which they have.

        With planned seeds the others are runs that failed or are to come, or an arm that a look
        has stopped; arms that share none are compared unpaired.
        """
        one, other = (set(self.outcomes.get(cell, {})) for cell in (arm, control))
        less, more = sorted((sorted(one), sorted(other)), key=len)
        is_stopped = {len(less), len(more)} <= set(question.looks) and less == more[: len(less)]
        if not self.plan.seeds and one & other and one != other and not is_stopped:
            yield (
                "unequal_seeds",
                f"seeds {sorted(one ^ other)} are of one arm only, so that the choice of seeds "
                "may have made the difference; run both arms at each",
            )

    def _making(self, arm: Cell, control: Cell) -> Iterator[tuple[Code, str]]:
        one, other = (self.facts.get(cell, {}) for cell in (arm, control))
        every = [*one.values(), *other.values()]
        if "recipe.epochs" not in self.plan.factors and _differ(made.epochs for made in every):
            told = _told([made.epochs for made in every])
            yield "unequal_epochs", f"runs were trained for {told} epochs; train all as long"
        if _differ(made.trials for made in every):
            told = _told([made.trials for made in every])
            yield "unequal_trials", f"recipes were tuned with {told} trials; tune all as much"
        paired = [seed for seed in sorted(one) if seed in other]
        if any(_differ([one[seed].split, other[seed].split]) for seed in paired):
            yield (
                "mixed_split",
                "runs of one pair were scored on different images; score both alike",
            )
        if any(str(made.selected_on).startswith("test") for made in every):
            yield (
                "selected_on_test",
                "weights were chosen by the test images, whose accuracy is then too high; choose "
                "them by validation images",
            )


def _differ(values: Iterable[object]) -> bool:
    return len({value for value in values if value is not None}) > 1


def _told(values: Iterable[object]) -> str:
    said = {value for value in values if value is not None}
    return " and ".join(sorted(f"{one:g}" if isinstance(one, float) else f"{one}" for one in said))
