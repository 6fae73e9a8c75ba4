"""Pooling by halves: the bits of PyTorch's own kernels, ties and all, and only where it applies."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from ablations.pooling import QuickPooling
from lenet_variants import create

POOLINGS = {"max": functional.max_pool2d, "avg": functional.avg_pool2d}
# Few values, so that most windows hold ties.
SHAPES = [(5, 3, 8, 6), (1, 1, 2, 2), (2, 6, 24, 24)]


def maps(shape, dtype=torch.float32, layout=torch.contiguous_format):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(-2, 3, shape, generator=generator).to(dtype)
    return drawn.to(memory_format=layout).requires_grad_()


def both(pool, images):
    """Values and gradients as PyTorch has them, and with quick pooling."""
    found = []
    for quick in (False, True):
        if quick:
            with QuickPooling():
                pooled = pool(images)
        else:
            pooled = pool(images)
        generator = torch.Generator().manual_seed(1)
        gradient = torch.randn(pooled.shape, generator=generator).to(pooled.dtype)
        found.append((pooled, *torch.autograd.grad(pooled, images, gradient)))
    return found


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", POOLINGS)
def test_values_and_gradients_are_pytorchs_bit_for_bit(name, shape, dtype, layout):
    theirs, ours = both(lambda x: POOLINGS[name](x, 2), maps(shape, dtype, layout))
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", POOLINGS)
def test_values_and_gradients_are_pytorchs_on_drawn_maps(name):
    images = torch.randn(64, 6, 24, 24, generator=torch.Generator().manual_seed(2))
    theirs, ours = both(lambda x: POOLINGS[name](x, 2), images.requires_grad_())
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_of_equal_values_one_alone_gets_the_gradient():
    images = torch.zeros(1, 1, 4, 4, requires_grad=True)
    with QuickPooling():
        functional.max_pool2d(images, 2).sum().backward()
    expected = torch.zeros(4, 4)
    expected[::2, ::2] = 1
    assert torch.equal(images.grad[0, 0], expected)


QUICK = {
    "max": nn.MaxPool2d(2, 2),
    "max without a stride": nn.MaxPool2d(2),
    "max of pairs": nn.MaxPool2d((2, 2), (2, 2)),
    "avg": nn.AvgPool2d(2, 2),
    "functional max": lambda x: functional.max_pool2d(x, 2),
    "functional avg": lambda x: functional.avg_pool2d(x, 2, 2),
}
OTHERWISE = {
    "windows of 3": nn.MaxPool2d(3, 2),
    "stride 1": nn.MaxPool2d(2, 1),
    "padding": nn.MaxPool2d(2, 2, padding=1),
    "dilation": nn.MaxPool2d(2, 2, dilation=2),
    "tall windows": nn.MaxPool2d((2, 1), (2, 1)),
    "avg of windows of 3": nn.AvgPool2d(3),
    "avg with padding": nn.AvgPool2d(2, 2, padding=1),
    "avg with a divisor": nn.AvgPool2d(2, 2, divisor_override=3),
    "l2": nn.LPPool2d(2, 2, 2),
}


def backward_name(pool, images):
    with QuickPooling():
        return pool(images).grad_fn.name()


@pytest.mark.parametrize("pool", QUICK.values(), ids=QUICK)
def test_2x2_windows_of_stride_2_are_halved(pool):
    assert backward_name(pool, maps((2, 3, 8, 8))) in ("_MaxPoolBackward", "_AvgPoolBackward")


@pytest.mark.parametrize("pool", OTHERWISE.values(), ids=OTHERWISE)
def test_other_windows_are_pytorchs(pool):
    images = maps((2, 3, 8, 8))
    assert backward_name(pool, images) == pool(images).grad_fn.name()


@pytest.mark.parametrize(
    "images",
    [maps((2, 3, 7, 8)), maps((2, 3, 8, 7)), maps((3, 8, 8))],
    ids=["odd height", "odd width", "one image"],
)
def test_other_maps_are_pytorchs(images):
    theirs, ours = both(lambda x: functional.max_pool2d(x, 2), images)
    assert all(torch.equal(mine, other) for mine, other in zip(ours, theirs, strict=True))
    assert "_MaxPool" not in backward_name(nn.MaxPool2d(2, 2), images)


def test_indices_are_pytorchs():
    with QuickPooling():
        _, indices = functional.max_pool2d(maps((2, 3, 8, 8)), 2, return_indices=True)
    assert indices.dtype == torch.int64


def test_on_another_device_nothing_is_changed():
    pooled = torch.empty(2, 3, 8, 8, device="meta", requires_grad=True)
    assert "_MaxPool" not in backward_name(nn.MaxPool2d(2, 2), pooled)


def test_outside_of_it_nothing_is_changed():
    with QuickPooling():
        pass
    assert "_MaxPool" not in nn.MaxPool2d(2, 2)(maps((2, 3, 8, 8))).grad_fn.name()


@pytest.mark.parametrize("pooling", ["max", "avg", "l2", "subsampling", "overlapping_max"])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "scaled_tanh"])
def test_a_networks_gradients_keep_their_bits(pooling, activation):
    images = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(3))
    found = []
    for quick in (False, True):
        torch.manual_seed(0)
        model = create("lenet", pooling=pooling, activation=activation)
        if quick:
            with QuickPooling():
                scores = model(images)
        else:
            scores = model(images)
        functional.cross_entropy(scores, torch.arange(8)).backward()
        found.append([scores, *(one.grad for one in model.parameters())])
    assert all(torch.equal(mine, other) for mine, other in zip(*found, strict=True))
