"""The cells of a study: its factors' levels parsed, its design worked out, its rules applied.

Pure; called by `arms`, which makes an arm of every cell. Problems are collected, not raised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ablations.designs import DESIGNS, Cell, Rule, distinct, ladder, level_text, matches
from ablations.spec import StudySpec, canonical, changed
from lenet_variants import catalogue
from lenet_variants.errors import VariantError


class Cells:
    """What a study's design comes to.

    Args:
        spec: A checked study.
        problems: Grows by a sentence for everything that is wrong.
    """

    def __init__(self, spec: StudySpec, problems: list[str]) -> None:
        self.spec, self.problems = spec, problems
        self._control_levels = catalogue.find(spec.control.variant).resolve(spec.control.levels)
        self.factors = {name: self._levels_of(name) for name in spec.factors}
        self.own = {name: self._own_level(name) for name in spec.factors}
        self.exclude = [self._rule(f"exclude.{n}", raw) for n, raw in enumerate(spec.exclude)]
        self.require = [self._rule(f"require.{n}", raw) for n, raw in enumerate(spec.require)]
        self.overrides = [
            (self._rule(f"overrides.{n}.match", one.match), one)
            for n, one in enumerate(spec.overrides)
        ]

    def left(self) -> list[Cell]:
        """The design's cells that the study's rules leave."""
        try:
            cells = DESIGNS[self.spec.design](self.factors, self.own)
        except ValueError as error:
            self.problems.append(str(error))
            return [{}]
        cells = distinct([*cells, *ladder(cells, self.spec.ladder)])
        if self.factors and cells == [{}]:
            self.problems.append(
                f"factors: design {self.spec.design!r} comes to the control alone; list a level "
                "that is not the control's"
            )
        excluded = [self._matching(f"exclude.{n}", r, cells) for n, r in enumerate(self.exclude)]
        for number, found in enumerate(excluded):
            if {} in found:
                self.problems.append(
                    f"exclude.{number}: matches the control, which every study has; name a level "
                    "that is not the control's"
                )
        left = [cell for cell in cells if not any(cell in found for found in excluded)]
        required = [self._matching(f"require.{n}", r, left) for n, r in enumerate(self.require)]
        left = [
            cell
            for cell in left
            if not cell or not required or any(cell in found for found in required)
        ]
        is_told = any(text.startswith(("exclude", "require")) for text in self.problems)
        if len(cells) > 1 and left == [{}] and not is_told:
            self.problems.append(
                "exclude, require: leave no arm of the design but the control; drop one of them"
            )
        for number, (rule, _) in enumerate(self.overrides):
            self._matching(f"overrides.{number}.match", rule, left, is_override=True)
        return left

    @property
    def rules(self) -> dict[str, Any]:
        """The ladder, the rules and the overrides that the study has, every value parsed."""
        parts = {"recipe": self.spec.recipe, "dataset": self.spec.dataset}
        overrides = [
            {
                "match": rule,
                **{
                    group: {key: getattr(changed(base, given), key) for key in given}
                    for group, base in parts.items()
                    if (given := getattr(one, group))
                },
            }
            for rule, one in self.overrides
        ]
        told = {
            "ladder": self.spec.ladder,
            "exclude": self.exclude,
            "require": self.require,
            "overrides": overrides,
        }
        return {key: canonical(value) for key, value in told.items() if value}

    def _matching(
        self, where: str, rule: Rule, cells: Sequence[Cell], *, is_override: bool = False
    ) -> list[Cell]:
        """The cells that a rule matches; a rule that matches none but the control is a mistake."""
        found = [cell for cell in cells if matches(rule, cell, self.own)]
        is_told = any(text.startswith(f"{where}.") for text in self.problems)
        is_of_use = bool(found) if is_override else any(found)
        if not is_of_use and not is_told:
            rest = "" if where.startswith("exclude") else " that the rules before it leave"
            self.problems.append(
                f"{where}: matches no arm of the design{rest}; drop it, or mend its levels"
            )
        return found

    def _rule(self, where: str, raw: Mapping[str, Any]) -> Cell:
        """A rule with its levels parsed; each must be one the design has."""
        rule = {factor: self._parsed(factor, value) for factor, value in raw.items()}
        for factor, level in rule.items():
            known = distinct([self.own[factor], *self.factors[factor]])
            if level not in known:
                self.problems.append(
                    f"{where}.{factor}: no such level in this study, got {canonical(level)!r} "
                    f"(there are: {', '.join(map(level_text, known))})"
                )
        return rule

    def overridden(self, cell: Cell) -> Cell:
        """What the study's overrides set for a cell, by `recipe.KEY` and `dataset.KEY`.

        Raises:
            VariantError: Two of them set one key to different values.
        """
        found: Cell = {}
        for rule, override in self.overrides:
            if not matches(rule, cell, self.own):
                continue
            own = {f"recipe.{key}": value for key, value in override.recipe.items()}
            own |= {f"dataset.{key}": value for key, value in override.dataset.items()}
            for key, value in own.items():
                if found.setdefault(key, value) != value:
                    raise VariantError(
                        f"overrides: set {key} to {found[key]!r} and to {value!r}; make their "
                        "rules exclude each other"
                    )
        return found

    def _own_level(self, factor: str) -> Any:
        group, dot, key = factor.partition(".")
        if not dot:
            return self._control_levels[factor]
        return getattr(self.spec.recipe if group == "recipe" else self.spec.dataset, key)

    def _levels_of(self, factor: str) -> list[Any]:
        levels = [self._parsed(factor, raw) for raw in self.spec.factors[factor]]
        for number, level in enumerate(levels):
            if level in levels[:number]:
                self.problems.append(
                    f"factors.{factor}: the level {canonical(level)!r} is named twice"
                )
        return levels

    def _parsed(self, factor: str, raw: Any) -> Any:
        group, dot, key = factor.partition(".")
        if not dot:
            return catalogue.find(self.spec.control.variant).levels[factor].parse(raw)
        base = self.spec.recipe if group == "recipe" else self.spec.dataset
        return getattr(changed(base, {key: raw}), key)
