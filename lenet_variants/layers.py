"""The layers that PyTorch does not have: what the papers of 1989 and 1998 were built of.

Made by the families' builders. Each says what one image costs it, since its products are not, or
not only, the ones PyTorch would count, and from how many values each of its weights is fed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lenet_variants.card import Shape
from lenet_variants.errors import VariantError

Table = Sequence[Sequence[int]]
"""For each output map of a convolution, the input maps it sees."""

C3_TABLE: Table = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)
"""LeCun et al. 1998, table I: 60 links, every map of S2 feeds 10 maps of C3."""

H2_TABLE: Table = (
    *(tuple(range(8)),) * 4,
    *(tuple(range(4, 12)),) * 4,
    *((0, 1, 2, 3, 8, 9, 10, 11),) * 4,
)
"""LeCun et al. 1989 (zip codes): each map of H2 sees 8 of 12; which, as in lecun1989-repro."""

TABLES: dict[str, Table] = {"c3-1998": C3_TABLE, "h2-1989": H2_TABLE}


def every_map(n_inputs: int, n_outputs: int) -> Table:
    """The table in which every output map sees every input map."""
    return (tuple(range(n_inputs)),) * n_outputs


class Counted(ABC):
    """A layer that counts its own links, where PyTorch's counter sees others or none."""

    @abstractmethod
    def links(self, output_shape: Sequence[int]) -> tuple[int, int]:
        """(multiply-accumulates, connections) of one image with an output of this shape."""


class Drawn(ABC):
    """A layer of ours with weights to draw."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    @abstractmethod
    def fans(self) -> tuple[Tensor, Tensor]:
        """How many values feed the unit of each weight, and how many units each value feeds.

        Shape:
            Both broadcast to `weight`.
        """

    @abstractmethod
    def bias_fan_in(self) -> Tensor:
        """How many values feed the unit of each bias; broadcasts to `bias`."""

    def draw(self) -> None:
        """PyTorch's default for its own layers: all within 1 / sqrt(fan-in)."""
        with torch.no_grad():
            draw_uniform(self.weight, self.fans()[0].rsqrt())
            if self.bias is not None:
                draw_uniform(self.bias, self.bias_fan_in().rsqrt())


def draw_uniform(parameter: Tensor, bound: Tensor) -> None:
    """Fill `parameter` from the uniform distribution on [-bound, bound], a bound a number."""
    drawn = torch.empty_like(parameter).uniform_(-1.0, 1.0)
    parameter.copy_(drawn * bound.to(drawn.device))


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3), which is 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        """The squashed values, of the same shape."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module, Counted):
    """The sum of each 2x2 window times one coefficient a map, plus one bias a map.

    It starts as average pooling: coefficient 1/4, bias 0. The squashing after it is another layer.

    Shape:
        images (N, C, H, W) to (N, C, H // 2, W // 2).

    Source:
        LeCun et al. 1998, section II-B (layers S2 and S4).
    """

    window = 2

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((n_maps, 1, 1), 1 / self.window**2))
        self.bias = nn.Parameter(torch.zeros(n_maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The subsampled maps."""
        means = functional.avg_pool2d(x, self.window)
        return means * (self.weight * self.window**2) + self.bias

    def links(self, output_shape: Sequence[int]) -> tuple[int, int]:
        """A link for each value of the window and the bias; pooling counts as no product."""
        return 0, math.prod(output_shape) * (self.window**2 + 1)


class _Sliding(nn.Module, Counted, Drawn):
    """What the convolutions of this file share: a window that slides, and a bias of any extent.

    Args:
        size: (channels, height, width) of one input.
        output: (maps, height, width) of one output.
        window: Side of the square kernel, its stride, and the zeros around the input.
        bias: "map" for one bias a map, "unit" for one a unit, "none".
    """

    def __init__(self, size: Shape, output: Shape, window: tuple[int, int, int], bias: str) -> None:
        super().__init__()
        self.in_channels, self.output = size[0], output
        self.kernel_size, self.stride, self.padding = window
        extents = {"map": (output[0], 1, 1), "unit": output}
        self.bias = nn.Parameter(torch.empty(extents[bias])) if bias in extents else None
        self.bias_extent = bias

    def extra_repr(self) -> str:
        """The settings that PyTorch's own convolution shows, and the extent of the bias."""
        return (
            f"{self.in_channels}, {self.output[0]}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, bias={self.bias_extent}"
        )

    def with_bias(self, x: Tensor) -> Tensor:
        """`x` with its bias, if there is one."""
        return x if self.bias is None else x + self.bias

    def _units_a_map(self, output_shape: Sequence[int]) -> int:
        return math.prod(output_shape[1:])


class TableConv2d(_Sliding):
    """A convolution whose maps each see the input maps that a table lists.

    Shape:
        images (N, C, H, W) to `output`; weight (links of the table, kernel, kernel).

    Source:
        LeCun et al. 1998, section II-B and table I; LeCun et al. 1989 for a bias a unit.
    """

    def __init__(
        self, size: Shape, output: Shape, window: tuple[int, int, int], bias: str, table: Table
    ) -> None:
        super().__init__(size, output, window, bias)
        self.table = table
        pairs = [to * size[0] + from_ for to, seen in enumerate(table) for from_ in seen]
        self.weight = nn.Parameter(torch.empty(len(pairs), self.kernel_size, self.kernel_size))
        self.register_buffer("pairs", torch.tensor(pairs), persistent=False)
        self.draw()

    def forward(self, x: Tensor) -> Tensor:
        """The maps; absent links are zeros of a dense kernel, which torch convolves fastest."""
        pairs = self.get_buffer("pairs")
        shape = (self.output[0] * self.in_channels, self.kernel_size, self.kernel_size)
        kernel = self.weight.new_zeros(shape).index_copy(0, pairs, self.weight)
        kernel = kernel.reshape(self.output[0], self.in_channels, *shape[1:])
        return self.with_bias(
            functional.conv2d(x, kernel, stride=self.stride, padding=self.padding)
        )

    def fans(self) -> tuple[Tensor, Tensor]:
        """By link of the table, times the kernel's area."""
        area = self.kernel_size**2
        feeds = [sum(from_ in seen for seen in self.table) for from_ in range(self.in_channels)]
        fan_in = [len(seen) * area for seen in self.table for _ in seen]
        fan_out = [feeds[from_] * area for seen in self.table for from_ in seen]
        return _column(fan_in), _column(fan_out)

    def bias_fan_in(self) -> Tensor:
        """By output map."""
        return _column([len(seen) * self.kernel_size**2 for seen in self.table])

    def links(self, output_shape: Sequence[int]) -> tuple[int, int]:
        """The links of the table; those that are not there cost nothing on paper."""
        n_macs = self._units_a_map(output_shape) * self.weight.numel()
        return n_macs, n_macs + math.prod(output_shape) * (self.bias is not None)

    def extra_repr(self) -> str:
        """The convolution's settings, and how many pairs of maps are joined."""
        return f"{super().extra_repr()}, links={len(self.weight)}"


class LocalConv2d(_Sliding):
    """A locally connected layer: the windows of a convolution, a kernel of its own for each unit.

    Shape:
        images (N, C, H, W) to `output`; weight (positions, C * kernel * kernel, maps), the
        positions row by row and the values of a window as `torch.nn.functional.unfold` orders
        them. It is made for one size of image.

    Source:
        LeCun 1989, "Generalization and network design strategies" (Net-3).
    """

    def __init__(self, size: Shape, output: Shape, window: tuple[int, int, int], bias: str) -> None:
        super().__init__(size, output, window, bias)
        maps, height, width = output
        self.weight = nn.Parameter(torch.empty(height * width, size[0] * self.kernel_size**2, maps))
        self.draw()

    def forward(self, x: Tensor) -> Tensor:
        """One product a position, over all images at once."""
        patches = functional.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)
        values = torch.bmm(patches.permute(2, 0, 1), self.weight)  # (positions, N, maps)
        return self.with_bias(values.permute(1, 2, 0).reshape(-1, *self.output))

    def fans(self) -> tuple[Tensor, Tensor]:
        """Those of the convolution with the same windows."""
        _, fan_in, maps = self.weight.shape
        return torch.tensor(float(fan_in)), torch.tensor(float(maps * self.kernel_size**2))

    def bias_fan_in(self) -> Tensor:
        """One number for all units."""
        return self.fans()[0]

    def links(self, output_shape: Sequence[int]) -> tuple[int, int]:
        """As many products as weights."""
        return self.weight.numel(), self.weight.numel() + math.prod(output_shape) * (
            self.bias is not None
        )


class RadialBasis(nn.Module, Counted):
    """Minus the squared distance from each class's fixed code of +1 and -1: the nearest wins.

    The paper's codes are drawings of its characters, which mean nothing for other classes; here
    they are rows of a Hadamard matrix, repeated to the number of units, so that any two are far
    apart. The last unit of a short row is cut off.

    Shape:
        units (N, width) to scores (N, n_classes).

    Source:
        LeCun et al. 1998, section II-B (output layer); codes after Dietterich and Bakiri 1995.

    Raises:
        VariantError: The units are too few to tell the classes apart.
    """

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        order = 1 << n_classes.bit_length()  # a power of 2 above n_classes
        if width < order:
            raise VariantError(
                f"output: expected at least {order} units before the codes of {n_classes} classes, "
                f"got {width}; make the last of 'hidden' larger"
            )
        rows = [
            [_hadamard(row, at % order) for at in range(width)] for row in range(1, n_classes + 1)
        ]
        self.register_buffer("codes", torch.tensor(rows))

    def forward(self, x: Tensor) -> Tensor:
        """Scores, at most 0."""
        codes = self.get_buffer("codes")  # (n_classes, width)
        return -(x.unsqueeze(1) - codes).square().sum(dim=2)

    def links(self, output_shape: Sequence[int]) -> tuple[int, int]:
        """One a unit and class, none of them trained."""
        n_macs = self.get_buffer("codes").shape[1] * math.prod(output_shape)
        return n_macs, n_macs

    def extra_repr(self) -> str:
        """Units, and classes."""
        n_classes, width = self.get_buffer("codes").shape
        return f"{width}, {n_classes}"


def _hadamard(row: int, column: int) -> float:
    """An entry of Sylvester's matrix: -1 where row and column share an odd number of bits."""
    return -1.0 if (row & column).bit_count() % 2 else 1.0


def _column(numbers: Sequence[int]) -> Tensor:
    """One number a row of a (rows, ., .) parameter."""
    return torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1)
