"""Networks by name: `create` makes one, `register_variant` and `load_plugin` add a user's own.

Called by training, by the command line and by users. Knows cards and builders; what a network
costs is `measure`'s.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from lenet_variants import builders, catalogue, measure
from lenet_variants.card import Card, Counts, Shape
from lenet_variants.errors import BuilderError, PluginError, VariantError, did_you_mean
from lenet_variants.levels import Value
from lenet_variants.plugin_levels import levels_of

UserBuilder = Callable[..., nn.Module]

ENTRY_POINTS = "lenet_variants"  # the group in which installed packages offer plug-ins

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_loading: ContextVar[str | None] = ContextVar("loading", default=None)  # sha256 of the plug-in


def create(
    name: str,
    input_shape: Shape = (1, 28, 28),
    n_classes: int = 10,
    **levels: object,
) -> nn.Module:
    """A network that maps images to logits, with PyTorch's default weights.

    Args:
        name: A registered variant.
        input_shape: (channels, height, width) of one image.
        n_classes: Number of logits.
        **levels: Levels that differ from the variant's own.

    Raises:
        UnknownVariantError: No variant has this name.
        LevelError: Names every unknown level and every bad value.
        VariantError: The network does not fit the input, or a plug-in's forward fails.

    Shape:
        images (N, C, H, W) float32; logits (N, n_classes) float32.

    Example:
        >>> create("lenet", activation="relu").conv1
        Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))
    """
    found = catalogue.find(name)
    resolved = measure.resolve(name, levels, input_shape, n_classes)
    if found.plugin_digest is None:
        return builders.build(found, input_shape, n_classes, resolved)
    measure.count(name, resolved, input_shape, n_classes)  # refuses a forward that does not run
    return _with_weights(builders.build(found, input_shape, n_classes, resolved), input_shape)


def register_variant(
    name: str,
    *,
    source: str,
    summary: str | None = None,
    native_input: Shape = (1, 28, 28),
    counts: Counts | None = None,
    layers: Mapping[str, Sequence[str]] | None = None,
) -> Callable[[UserBuilder], UserBuilder]:
    """Register a function that builds a network; its keyword-only parameters become levels.

    Args:
        name: What studies call it.
        source: Where the architecture comes from.
        summary: One line; by default the first of the function's docstring.
        native_input: The image shape it was designed for.
        counts: Its size there as the source has it, for `check_variant` to hold it to.
        layers: By level, the names of all layers it may add, remove or set, less the numbers at
            their ends; what else it changes is then told. Of a level left out, nothing is known.

    Returns:
        A decorator that returns the function unchanged. The function takes (input_shape,
        n_classes, *, level=default, ...) and returns an `nn.Module`.

    Raises:
        DuplicateVariantError: The name is taken; names both places.
        VariantError: The name or the signature is refused.

    Example:
        >>> @register_variant("tiny", source="own")
        ... def tiny(input_shape, n_classes, *, width: int = 4):
        ...     return nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.LazyLinear(n_classes))
    """

    def register(builder: UserBuilder) -> UserBuilder:
        place = _place(builder)
        if not _NAME.fullmatch(name):
            raise VariantError(
                f"{place}: expected a name of letters, digits, '.', '_' and '-', got {name!r}; "
                "rename the variant"
            )
        levels = levels_of(builder, place, layers or {})
        described = (inspect.getdoc(builder) or name).splitlines()[0]
        catalogue.add(
            Card(
                name=name,
                family=name,
                summary=summary or described,
                source=source,
                levels=levels,
                family_defaults={key: level.default for key, level in levels.items()},
                native_input=native_input,
                counts=counts,
                plugin_digest=_loading.get() or _source_digest(builder, place),
                place=place,
            )
        )
        builders.add(name, _called_with_keywords(builder))
        return builder

    return register


def load_plugin(path: str | Path) -> tuple[str, ...]:
    """Execute a user's file, or an installed plug-in's entry point, and enter its variants.

    The same content is executed once; its sha256 becomes part of what identifies its networks,
    so keep what they are made of in that one file.

    Args:
        path: A Python file, or a name in the entry point group `lenet_variants`.

    Returns:
        The names that the plug-in registered.

    Raises:
        PluginError: It is not there, fails, or registers nothing; then nothing of it is kept.
        DuplicateVariantError: One of its names is taken.
    """
    file = Path(path)
    if not file.is_file():
        return _load_entry_point(str(path))
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    loaded = _those(lambda card: card.plugin_digest == digest)
    if loaded:
        return loaded
    token = _loading.set(digest)
    try:
        return _registered_by(str(file), lambda: _execute(file, content, digest))
    finally:
        _loading.reset(token)


def _load_entry_point(name: str) -> tuple[str, ...]:
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in offered:
        allowed = ", ".join(sorted(offered)) or "none installed"
        raise PluginError(
            f"plug-in {name!r}: expected a Python file or an entry point, got neither; "
            f"{did_you_mean(name, offered)}check the path (entry points: {allowed})"
        )
    imported = sys.modules.get(offered[name].module)
    if imported is None:
        return _registered_by(name, offered[name].load)
    file = f"{imported.__file__}:"
    return _those(lambda card: card.place.startswith(file))


def _those(wanted: Callable[[Card], bool]) -> tuple[str, ...]:
    """The names of the variants whose cards are `wanted`."""
    return tuple(name for name in catalogue.names() if wanted(catalogue.find(name)))


def _registered_by(plugin: str, execute: Callable[[], object]) -> tuple[str, ...]:
    """The names that appear while `execute` runs; all of them or none."""
    before = catalogue.names()
    try:
        execute()
    except BaseException as error:  # an interrupt too leaves no half of a plug-in behind
        for name in set(catalogue.names()) - set(before):
            catalogue.remove(name)
            builders.remove(name)
        if isinstance(error, VariantError) or not isinstance(error, Exception):
            raise
        raise PluginError(
            f"plug-in {plugin}: expected it to run, got {type(error).__name__}: {error}; "
            "run the file with python to see where"
        ) from error
    new = tuple(name for name in catalogue.names() if name not in before)
    if not new:
        raise PluginError(
            f"plug-in {plugin}: expected at least one variant, got none; "
            'decorate its builder with @register_variant("my-net", source="...")'
        )
    return new


def _execute(file: Path, content: bytes, digest: str) -> None:
    module = ModuleType(f"lenet_variants_plugin_{digest[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses look their module up by name
    exec(compile(content, str(file), "exec"), module.__dict__)  # noqa: S102 (the user named it)


def _place(builder: UserBuilder) -> str:
    code = inspect.unwrap(builder).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _source_digest(builder: UserBuilder, place: str) -> str:
    """sha256 of the file that holds `builder`; of its own source where there is no file."""
    file = Path(inspect.getsourcefile(builder) or "")
    try:
        content = file.read_bytes() if file.is_file() else inspect.getsource(builder).encode()
    except OSError as error:
        raise VariantError(
            f"{place}: expected a builder whose source can be read, since that identifies its "
            f"networks, got {error}; define it in a file"
        ) from error
    return hashlib.sha256(content).hexdigest()


def _called_with_keywords(builder: UserBuilder) -> builders.Builder:
    def build(input_shape: Shape, n_classes: int, levels: Mapping[str, Value]) -> nn.Module:
        place = f"builder {_place(builder)}"
        try:
            model = builder(input_shape, n_classes, **levels)
        except VariantError:
            raise
        except Exception as error:  # a user's builder may raise anything
            asked = f"images of {list(input_shape)} in {n_classes} classes"
            if isinstance(error, ValueError):
                raise VariantError(f"{place}: refuses {asked}: {error}; use others") from error
            raise BuilderError(
                f"{place}: expected a network for {asked} at "
                f"{dict(levels)!r}, got {type(error).__name__}: {error}; mend it, or raise "
                "ValueError where it cannot build one"
            ) from error
        if not isinstance(model, nn.Module):
            raise VariantError(
                f"{place}: expected an nn.Module, got {type(model).__name__}; return the network"
            )
        return model

    return build


def _with_weights(model: nn.Module, input_shape: Shape) -> nn.Module:
    """`model` after one image where it has lazy layers, which have no weights before it."""
    if any(isinstance(one, nn.UninitializedParameter) for one in model.parameters()):
        was_training = model.training
        with torch.no_grad():
            model.eval()(torch.zeros(1, *input_shape))
        model.train(was_training)
    return model
