"""What a study's claims speak of, found among its arms: their layers, counts, growth and metrics.

Pure; called by `plan` once the arms are known. What is counted gets its value here, so that a claim
about sizes is decided without a run; what is measured keeps the arm and the metric.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from ablations.arms import Arm
from ablations.claims import (
    CONTRAST_SIGN,
    COUNTS,
    Claim,
    ClaimSpec,
    Count,
    Quantity,
    QuantitySpec,
    Statement,
    StatementSpec,
)
from ablations.designs import level_text
from ablations.errors import nearest
from ablations.metric_names import arm_metrics, common
from ablations.probe_cards import ProbeSpec
from ablations.sizes import GROWTH_FACTORS, Layer, Networks, Shape
from lenet_variants.errors import VariantError

BYTES_A_PARAMETER = 4  # float32
GROWN = tuple(name for name in COUNTS if name != "n_activations")


class _MisnamedError(ValueError):
    """What a claim names is not there; says what is."""


class _ToldError(Exception):
    """It names an arm that could not be built, of which the study was told already."""


class ClaimFinder:
    """Turns the claims of a study into claims on its arms, collecting what is wrong.

    Args:
        arms: Of the study, the control first.
        unbuilt: Names of arms whose problems have been told.
        probes: Of the study.
        networks: Counts networks that are no arms, and arms at other inputs.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        unbuilt: Collection[str],
        probes: Sequence[ProbeSpec],
        networks: Networks,
    ) -> None:
        self.arms: Mapping[str, Arm] = {arm.name: arm for arm in arms}
        self.control = arms[0].control if arms else ""
        self.unbuilt, self.networks = unbuilt, networks
        self._metrics = {arm.name: arm_metrics(arm, probes) for arm in arms}
        self.problems: list[str] = []

    def check_endpoint(self, metric: str) -> None:
        """Whether all runs will have the metric of record."""
        known = common(self._metrics.values()) if self._metrics else [metric]
        if metric not in known:
            self.problems.append(
                f"endpoint.metric: unknown metric {metric!r}; {nearest(metric, known)}"
                f"(known here: {', '.join(known)})"
            )

    def claims(self, said: Iterable[ClaimSpec]) -> list[Claim]:
        """Every claim whose arms, layers and metrics are there; see `problems` for the others."""
        found = []
        for number, one in enumerate(said):
            where = f"claims.{number}"
            if one.statement is None:
                claim = self._contrasted(where, one)
            else:
                claim = self._stated(where, one, one.statement)
            if claim is not None:
                found.append(claim)
        return found

    def _contrasted(self, where: str, one: ClaimSpec) -> Claim | None:
        arm, _, control = (side.strip() for side in (one.contrast or "").partition(CONTRAST_SIGN))
        if not arm or not control or arm == control:
            self.problems.append(
                f"{where}.contrast: must be two arms as ARM{CONTRAST_SIGN}CONTROL, "
                f"got {one.contrast!r}"
            )
            return None
        problems = [
            f"{where}.contrast: {_unknown('arm', side, [*self.arms])}"
            for side in (arm, control)
            if side not in self.unbuilt and side not in self.arms
        ]
        if one.metric is not None:
            sides = [side for side in (arm, control) if side in self.arms]
            problems += self._unmeasured(where, one.metric, sides)
        self.problems += problems
        contrast = f"{arm}{CONTRAST_SIGN}{control}"
        return None if problems else Claim(one.text, contrast, one.expect, one.metric, one.margin)

    def _unmeasured(self, where: str, metric: str, sides: Sequence[str]) -> list[str]:
        """Why a contrast has no such metric, if it has none."""
        without = [side for side in sides if metric not in self._metrics[side]]
        if not without:
            return []
        known = self._metrics[without[0]]
        whose = "metric" if len(without) == len(sides) else f"metric of {without[0]!r}"
        return [f"{where}.metric: {_unknown(whose, metric, known)}"]

    def _stated(self, where: str, one: ClaimSpec, said: StatementSpec) -> Claim | None:
        sides = {"left": said.left, "right": said.right}
        found = {}
        for key, side in sides.items():
            try:
                found[key] = self.quantity(side)
            except (_MisnamedError, VariantError) as error:
                problem = " ".join(str(error).split())
                self.problems.append(f"{where}.statement.{key}: {problem}")
            except _ToldError:
                pass
        if len(found) < len(sides):
            return None
        statement = Statement(found["left"], said.relation, found["right"], said.factor, said.times)
        return Claim(one.text, margin=one.margin, statement=statement)

    def quantity(self, said: QuantitySpec) -> Quantity:
        """What one side of a statement is, with its value if that can be counted.

        Raises:
            ValueError: It names what is not there.
            VariantError: It speaks of a network that cannot be built.
        """
        if said.args is not None:
            said = self._read(said)
        if said.quantity == "number":
            value = said.value or 0.0  # given, or the file would have been refused
            return Quantity(str(int(value)) if value.is_integer() else repr(value), value)
        if said.quantity == "mean":
            arm = self._arm(said.arm or self.control)
            self._known("metric", said.metric or "", self._metrics[arm.name])
            name = f"mean({arm.name}, {said.metric})"
            return Quantity(name, arm=arm.name, metric=said.metric or "")
        network = _Network(said, self._arm(said.arm or self.control), self.networks)
        name = network.name
        if said.layer is not None:
            self._known("layer", said.layer, [layer.name for layer in network.layers()])
            name += f", {said.layer}"
        if said.quantity == "growth":
            of = said.of or "n_parameters"  # given, or the file would have been refused
            return Quantity(f"growth({name}, {of})", network.growth(of, said.layer))
        return Quantity(f"{said.quantity}({name})", network.size(said.quantity, said.layer))

    def _read(self, said: QuantitySpec) -> QuantitySpec:
        """The arguments of the short form, told apart by the names of arms.

        An arm's name may hold commas, spaces and brackets, so that only the names that there are
        can say where it ends. Where two readings are possible the mapping must be written.
        """
        text = said.args or ""
        key = {"growth": "of", "mean": "metric"}.get(said.quantity, "layer")
        readings = self._readings(said.quantity, text, key)
        if len(readings) > 1:
            raise _MisnamedError(
                f"{said.quantity}({text}): can be read as {' or as '.join(map(str, readings))}; "
                "write it as a mapping with the keys quantity, arm and the like"
            )
        if readings:
            return QuantitySpec.model_validate({"quantity": said.quantity, **readings[0]})
        raise _MisnamedError(f"{said.quantity}({text}): {self._unread(said.quantity, text, key)}")

    def _readings(self, quantity: str, text: str, key: str) -> list[dict[str, str]]:
        readings: list[dict[str, str]] = []
        is_whole = key == "layer" and quantity != "n_activations"  # a count of a whole network
        if is_whole and not text:
            readings.append({})
        if is_whole and text in self.arms:
            readings.append({"arm": text})
        if text in self._lasts(self.control, key):
            readings.append({key: text})
        for place, letter in enumerate(text):
            arm, last = text[:place].strip(), text[place + 1 :].strip()
            if letter == "," and arm in self.arms and last in self._lasts(arm, key):
                readings.append({"arm": arm, key: last})
        return readings

    def _lasts(self, arm: str, key: str) -> Sequence[str]:
        """What may stand last between the brackets."""
        if key == "of":
            return GROWN
        if arm not in self.arms:
            return []
        if key == "metric":
            return self._metrics[arm]
        return [layer.name for layer in self.arms[arm].layers]

    def _unread(self, quantity: str, text: str, key: str) -> str:
        """Why arguments make no sense: an arm that is not there, or a layer, a metric, a count."""
        arm, comma, last = (part.strip() for part in text.rpartition(","))
        if text in self.unbuilt or arm in self.unbuilt or self.control not in self.arms:
            raise _ToldError
        word = "count" if key == "of" else key
        if comma and arm in self.arms:
            known = self._lasts(arm, key)
            return _unknown(f"{word} of {arm!r}" if key == "layer" else word, last, known)
        if comma:
            return _unknown("arm", arm, [*self.arms])
        known = self._lasts(self.control, key)
        if key == "layer" and quantity != "n_activations":
            return _unknown(f"arm, and no layer of {self.control!r}", text, [*self.arms, *known])
        return _unknown(word, text, known)

    def _arm(self, name: str) -> Arm:
        if name in self.unbuilt or not name:
            raise _ToldError
        self._known("arm", name, [*self.arms])
        return self.arms[name]

    def _known(self, kind: str, name: str, known: Sequence[str]) -> None:
        if name not in known:
            raise _MisnamedError(_unknown(kind, name, known))


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    return f"{name!r} is no {kind}; {nearest(name, known)}(there are: {', '.join(known)})"


class _Network:
    """The network that a quantity is of, which may be no arm, or an arm at another input."""

    def __init__(self, said: QuantitySpec, arm: Arm, networks: Networks) -> None:
        self.arm, self.networks = arm, networks
        self.is_arm = said.variant is None and said.input is None and said.n_classes is None
        self.variant = said.variant or arm.variant
        self.levels = arm.levels if said.variant is None else said.levels
        self.input_shape: Shape = said.input or arm.input_shape
        self.n_classes = said.n_classes or arm.n_classes
        levels = ",".join(f"{key}={level_text(value)}" for key, value in said.levels.items())
        name = arm.name if said.variant is None else self.variant
        place = "" if said.input is None else f" at {'x'.join(map(str, said.input))}"
        outputs = "" if said.n_classes is None else f" into {said.n_classes}"
        self.name = f"{name}{f'[{levels}]' if levels else ''}{place}{outputs}"

    def layers(self, factor: int = 1) -> Sequence[Layer]:
        """Its layers at an input `factor` times as high and wide."""
        if self.is_arm and factor == 1:
            return self.arm.layers
        channels, height, width = self.input_shape
        shape = (channels, height * factor, width * factor)
        return self.networks.layers(self.variant, self.levels, shape, self.n_classes)

    def size(self, count: str, layer: str | None, factor: int = 1) -> int:
        """A count of all its layers, or of one, at an input `factor` times as high and wide."""
        held = [one for one in self.layers(factor) if layer in (None, one.name)]
        if count == "n_activations":
            return sum(math.prod(one.output_shape) for one in held)
        if count == "n_bytes":
            return BYTES_A_PARAMETER * sum(one.n_parameters for one in held)
        return sum(int(getattr(one, count)) for one in held)

    def growth(self, of: Count, layer: str | None) -> float:
        """Exponent of a count by the number of pixels: 1 grows with them, 0 not at all."""
        factor = GROWTH_FACTORS[-1]
        small, large = (self.size(of, layer, one) for one in (1, factor))
        if not small or not large:
            named = self.name if layer is None else f"{self.name}, {layer}"
            raise _MisnamedError(f"growth({named}, {of}): it has no {of} to grow")
        return math.log(large / small) / math.log(factor**2)
