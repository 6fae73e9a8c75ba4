"""A watch over the operations of a forward pass, which counts their multiply-accumulates.

Called by `trace`. On the meta device an operation has a shape to work out and nothing to compute;
working it out anew costs a plan of hundreds of networks seconds, so each is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_META = torch.device("meta")


class _Form(NamedTuple):
    """A tensor without its numbers."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: Tensor) -> _Form:
        return cls(tuple(tensor.shape), tensor.stride(), tensor.dtype)

    @property
    def value(self) -> Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=_META)


class _Plain(NamedTuple):
    """A number, or a list of whole ones; with its type, since 1, 1.0 and True are equal."""

    kind: type
    value: float | tuple[int, ...]


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, counts what is computed, by PyTorch's own formulas.

    Attributes:
        n_flops: Operations so far; a multiply-accumulate is two.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_flops = 0

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        named = kwargs or {}
        if _is_composite(func):
            with self:  # what it is made of is counted
                return func.decompose(*args, **named)
        forms = tuple(map(_form, args))
        if named or None in forms or not _makes_one_tensor(func):
            made = func(*args, **named)
            self.n_flops += _flops(func, args, named, made)
            return made
        form, n_flops = _result(func, forms)
        self.n_flops += n_flops
        return form.value


def _flops(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any], made: object) -> int:
    formula = flop_registry.get(func.overloadpacket)
    return int(formula(*args, **kwargs, out_val=made)) if formula else 0


@lru_cache(maxsize=1024)
def _is_composite(func: OpOverload) -> bool:
    """Whether it is nothing but other operations; those that count as one have a formula."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return func.overloadpacket not in flop_registry and func.has_kernel_for_dispatch_key(key)


def _form(argument: object) -> _Form | _Plain | None:
    """What an argument is but for a tensor's numbers; None where that does not say all of it."""
    if isinstance(argument, Tensor):
        is_bare = argument.device == _META and type(argument) in (Tensor, torch.nn.Parameter)
        return _Form.of(argument) if is_bare else None
    if isinstance(argument, list | tuple):
        is_size = all(type(one) is int for one in argument)
        return _Plain(list, tuple(argument)) if is_size else None
    return _Plain(type(argument), argument) if isinstance(argument, int | float) else None


@lru_cache(maxsize=1024)
def _makes_one_tensor(func: OpOverload) -> bool:
    """Whether all it does is to make one tensor of those it is given, sharing nothing with them."""
    schema = func._schema
    takes = any(str(one.type) == "Tensor" for one in schema.arguments)
    made = [(str(one.type), one.alias_info) for one in schema.returns]
    return takes and not schema.is_mutable and made == [("Tensor", None)]


@lru_cache(maxsize=4096)
def _result(func: OpOverload, forms: tuple[_Form | _Plain, ...]) -> tuple[_Form, int]:
    """The form of what comes of arguments of these forms, and the operations it takes."""
    args = tuple(form.value for form in forms)
    made = func(*args)
    return _Form.of(made), _flops(func, args, {}, made)
