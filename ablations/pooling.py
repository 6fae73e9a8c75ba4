"""Pooling over 2x2 windows on a CPU, faster than PyTorch's kernels and with the same bits.

PyTorch pools maps of the usual layout one number at a time, which takes a third of a LeNet's step;
halving the columns and then the rows uses the processor's vector units. Entered around a network's
forward pass by `programs` and `evaluation`; the network itself is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_SIDE = 2
_WINDOWS = (_SIDE, (_SIDE, _SIDE), [_SIDE, _SIDE])
_MAPS_DIM = 4


class QuickPooling(TorchFunctionMode):
    """While entered, max and average pooling by halves goes through this module on a CPU."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        quick = _QUICK.get(func)
        pooled = quick(*args, **named) if quick else None
        return func(*args, **named) if pooled is None else pooled


def _max_pool(
    maps: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | None:
    """Pooled maps, or None where it is not a halving."""
    plain = (padding, dilation, return_indices) == (0, 1, False)
    return _MaxPool.apply(maps) if plain and _halves(maps, kernel_size, stride) else None


def _avg_pool(
    maps: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor | None:
    """Pooled maps, or None where it is not a halving."""
    plain = padding == 0 and divisor_override is None
    return _AvgPool.apply(maps) if plain and _halves(maps, kernel_size, stride) else None


def _halves(maps: Tensor, kernel_size: Any, stride: Any) -> bool:
    """Whether 2x2 windows of stride 2 tile a batch of maps on a CPU."""
    return (
        kernel_size in _WINDOWS
        and (not stride or stride in _WINDOWS)
        and maps.device.type == "cpu"
        and maps.dim() == _MAPS_DIM
        and maps.is_floating_point()
        and not (maps.shape[2] % _SIDE or maps.shape[3] % _SIDE)
    )


_QUICK: dict[Callable[..., Any], Callable[..., Tensor | None]] = {
    functional.max_pool2d: _max_pool,
    functional.avg_pool2d: _avg_pool,
}


class _MaxPool(torch.autograd.Function):
    """The largest of each window; of equal ones the first, row by row, gets the gradient.

    Columns are halved before rows, so that ties go where PyTorch's kernel sends them. (Two equal
    infinities are the exception: there the last wins.)

    Shape:
        maps (N, C, H, W) with H and W even to (N, C, H / 2, W / 2).
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> Tensor:
        """The pooled maps."""
        wide = torch.maximum(maps[..., 0::2], maps[..., 1::2])  # (N, C, H, W / 2)
        ctx.save_for_backward(maps, wide)
        return torch.maximum(wide[..., 0::2, :], wide[..., 1::2, :])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient of `maps`."""
        maps, wide = ctx.saved_tensors
        tall, whole = torch.empty_like(wide), torch.empty_like(maps)
        _share(gradients[0].mT, wide.mT, tall.mT)
        _share(tall, maps, whole)
        return whole


def _share(gradient: Tensor, values: Tensor, into: Tensor) -> None:
    """Of each two neighbours in a row give the larger the gradient, and the other 0."""
    first, second = values[..., 0::2], values[..., 1::2]
    # As floats, 1 where the first wins: what a comparison returns is slow to multiply.
    wins = torch.sub(first, second).ge_(0)
    torch.mul(gradient, wins, out=into[..., 0::2])
    torch.sub(gradient, into[..., 0::2], out=into[..., 1::2])


class _AvgPool(torch.autograd.Function):
    """The mean of each window, summed row by row as PyTorch sums it.

    Shape:
        maps (N, C, H, W) with H and W even to (N, C, H / 2, W / 2).
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> Tensor:
        """The pooled maps."""
        upper, lower = maps[..., 0::2, :], maps[..., 1::2, :]
        sums = upper[..., 0::2] + upper[..., 1::2]
        sums += lower[..., 0::2]
        sums += lower[..., 1::2]
        return sums.div_(_SIDE**2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """The gradient of `maps`: a quarter to each of a window."""
        quarter = gradients[0] / _SIDE**2
        n, c, h, w = quarter.shape
        windows = quarter[:, :, :, None, :, None].expand(n, c, h, _SIDE, w, _SIDE)
        return windows.reshape(n, c, h * _SIDE, w * _SIDE)
