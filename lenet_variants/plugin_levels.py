"""The levels of a plug-in, read from the signature of its builder.

Called by `register_variant`. A default gives a level its type, `typing.Literal` its words.
Torch-free, like the levels themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lenet_variants.errors import VariantError
from lenet_variants.levels import Choice, Flag, Integer, Integers, Level, Number, Text

_RESERVED = ("name", "input_shape", "n_classes")  # `create` has parameters of these names
_SIGNATURE = "(input_shape, n_classes, *, level=default, ...)"


def levels_of(
    builder: Callable[..., Any], where: str, layers: Mapping[str, Sequence[str]]
) -> dict[str, Level]:
    """One level for each keyword-only parameter of `builder`.

    Args:
        builder: A function (input_shape, n_classes, *, level=default, ...).
        where: What to call it in errors.
        layers: By level, the names of the layers it may change, less their numbers.

    Raises:
        VariantError: The signature is another, a default is of no kind a level can have, or
            `layers` names what is no level.
    """
    parameters = list(inspect.signature(builder).parameters.values())
    positional, levels = parameters[:2], parameters[2:]
    is_builder = len(positional) == 2 and all(  # noqa: PLR2004 (input_shape and n_classes)
        one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in positional
    )
    if not is_builder or any(one.kind is not one.KEYWORD_ONLY for one in levels):
        raise VariantError(
            f"{where}: expected a builder {_SIGNATURE}, got {inspect.signature(builder)}; "
            "put a * before the levels"
        )
    try:
        hints = get_type_hints(builder)
    except NameError as error:
        raise VariantError(
            f"{where}: expected annotations that can be read, got {error}; import that name at "
            "the top of the file"
        ) from error
    names = [one.name for one in levels]
    for name in layers:
        if name not in names:
            raise VariantError(
                f"{where}: expected the layers of its levels {names}, got those of {name!r}; "
                "name a keyword-only parameter of the builder"
            )
    found = {one.name: _level(one, hints.get(one.name), where) for one in levels}
    return {name: replace(one, layers=tuple(layers.get(name, ()))) for name, one in found.items()}


def _level(parameter: inspect.Parameter, hint: object, where: str) -> Level:
    where = f"{where} level {parameter.name!r}"
    if parameter.name in _RESERVED:
        raise VariantError(
            f"{where}: expected another name than {', '.join(_RESERVED)}, got {parameter.name!r}; "
            "rename it"
        )
    default = parameter.default
    if default is parameter.empty:
        raise VariantError(f"{where}: expected a default, got none; give it one, like =3")
    words = get_args(hint) if get_origin(hint) is Literal else None
    level = _of_words(default, words) if words else _of_type(default, hint)
    if level is None:
        raise VariantError(
            f"{where}: expected a default that is a bool, float, int, str, a tuple of ints or one "
            f"of its Literal words, got {default!r}; change the default or its annotation"
        )
    return level


def _of_words(default: object, words: tuple[object, ...]) -> Level | None:
    known = tuple(word for word in words if isinstance(word, str))
    if len(known) < len(words) or not isinstance(default, str) or default not in known:
        return None
    return Choice(default, words=known)


def _of_type(default: object, hint: object) -> Level | None:
    if isinstance(default, bool):  # before int, which it is too
        return Flag(default)
    if isinstance(default, float) or (isinstance(default, int) and hint is float):
        return Number(float(default))
    if isinstance(default, int):
        return Integer(default)
    if isinstance(default, str):
        return Text(default)
    if isinstance(default, tuple) and all(type(item) is int for item in default):
        return Integers(default)
    return None
