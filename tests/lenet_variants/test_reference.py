"""Every level of the LeNet family, computed a second time from its words alone.

The forward pass below knows no layer of the package: it reads weights by name and the levels by
their words, with torch's functions and the formulas of the papers. A level that does something
else than it says, however its layers are called, gives other scores here.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

import lenet_variants
from lenet_variants import catalogue
from lenet_variants.levels import each_block

C3 = ["012", "123", "234", "345", "045", "015", "0123", "1234", "2345", "0345", "0145", "0125"]
C3 += ["0134", "1245", "0235", "012345"]  # LeCun et al. 1998, table I
H2 = [range(8)] * 4 + [range(4, 12)] * 4 + [[*range(4), *range(8, 12)]] * 4
TABLES = {"c3-1998": [[int(one) for one in row] for row in C3], "h2-1989": H2}

ACTIVATIONS = {
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "tanh": torch.tanh,
    "scaled_tanh": lambda x: 1.7159 * torch.tanh(2 * x / 3),
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "silu": lambda x: x / (1 + (-x).exp()),
    "identity": lambda x: x,
}


def windows(x, side, stride):
    """(N, C, rows, columns, side, side)."""
    return x.unfold(2, side, stride).unfold(3, side, stride)


POOLINGS = {
    "none": lambda x: x,
    "max": lambda x: windows(x, 2, 2).amax(dim=(4, 5)),
    "avg": lambda x: windows(x, 2, 2).mean(dim=(4, 5)),
    "l2": lambda x: windows(x, 2, 2).square().sum(dim=(4, 5)).sqrt(),
    "overlapping_max": lambda x: windows(x, 3, 2).amax(dim=(4, 5)),
}


def pooled(x, word, weights, name, act):
    if word in POOLINGS:
        return POOLINGS[word](x)
    seen, weight, bias = windows(x, 2, 2), weights[f"{name}.weight"], weights[f"{name}.bias"]
    if word == "subsampling":
        return act(seen.sum(dim=(4, 5)) * weight + bias)
    assert word == "strided_conv"
    return act(torch.einsum("nchwij,ocij->nohw", seen, weight) + bias[:, None, None])


def convolved(x, weights, name, *, n_maps, kernel, stride, padding, local, table):
    x = functional.pad(x, (padding,) * 4)
    seen = windows(x, kernel, stride)  # (N, C, H, W, k, k)
    n_images, n_inputs, height, width = seen.shape[:4]
    weight = weights[f"{name}.weight"]
    if local:
        kernels = weight.reshape(height, width, n_inputs, kernel, kernel, n_maps)
        made = torch.einsum("nchwij,hwcijo->nohw", seen, kernels)
    else:
        links = table or [range(n_inputs)] * n_maps
        if table:
            dense, row = torch.zeros(n_maps, n_inputs, kernel, kernel), iter(weight)
            for to, inputs in enumerate(links):
                for from_ in inputs:
                    dense[to, from_] = next(row)
            weight = dense
        elif weight.dim() == 3:  # every map sees all, in the order of the outputs
            weight = weight.reshape(n_maps, n_inputs, kernel, kernel)
        made = torch.einsum("nchwij,ocij->nohw", seen, weight)
    assert made.shape == (n_images, n_maps, height, width)
    return made


def with_bias(x, weights, name, extent):
    if extent == "none":
        assert f"{name}.bias" not in weights
        return x
    bias = weights[f"{name}.bias"]
    shape = {"map": (x.shape[1], 1, 1), "unit": x.shape[1:]}[extent]
    assert bias.numel() == torch.Size(shape).numel()
    return x + bias.reshape(shape)


def normalised(x, weights, number, word):
    if word == "none":
        return x
    over = (slice(None),) + (None,) * (x.dim() - 2)
    scale, shift = weights[f"norm{number}.weight"][over], weights[f"norm{number}.bias"][over]
    if word == "batch":  # in evaluation, with the running averages of a new network: 0 and 1
        return x / (1 + 1e-5) ** 0.5 * scale + shift
    n_groups = 2 if x.shape[1] % 2 == 0 else 1
    groups = x.reshape(len(x), n_groups, -1)
    centred = groups - groups.mean(dim=2, keepdim=True)
    groups = centred / (centred.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    return groups.reshape(x.shape) * scale + shift


def scores(model, levels, x):
    """What a LeNet with these weights and levels should say of images, in evaluation."""
    weights, act = dict(model.named_parameters()), ACTIVATIONS[levels["activation"]]
    n_blocks = len(levels["channels"])
    names = ("kernel_size", "stride", "padding", "weights")
    columns = [each_block(levels[name], n_blocks) for name in names]
    for number, (n_maps, kernel, stride, padding, kind) in enumerate(
        zip(levels["channels"], *columns, strict=True), start=1
    ):
        name = f"conv{number}"
        table = TABLES.get(levels["connections"]) if number == 2 else None
        spec = {"n_maps": n_maps, "kernel": kernel, "stride": stride, "padding": padding}
        x = convolved(x, weights, name, local=kind == "local", table=table, **spec)
        x = act(
            normalised(with_bias(x, weights, name, levels["bias"]), weights, number, levels["norm"])
        )
        x = pooled(x, levels["pooling"], weights, f"pool{number}", act)
    x = x.mean(dim=(2, 3)) if levels["head"] == "gap" else x.reshape(len(x), -1)
    for number, n_units in enumerate(levels["hidden"], start=1):
        weight = weights[f"fc{number}.weight"]
        assert weight.shape == (n_units, x.shape[1])
        x = x @ weight.T + weights[f"fc{number}.bias"]
        x = act(normalised(x, weights, n_blocks + number, levels["norm"]))
    if levels["output"] == "rbf":
        return -(x[:, None] - model.output.codes).square().sum(dim=2)
    return x @ weights["output.weight"].T + weights["output.bias"]


MUTATED = ("lenet", "lenet5-1998", "net3", "net4", "lenet1-1989")


def settings():
    """Every LeNet variant as it is, and some of all kinds with each level at its neighbours."""
    for name in catalogue.names():
        card = catalogue.find(name)
        if card.family == "lenet":
            yield name, {}
            for level, kind in card.levels.items() if name in MUTATED else ():
                yield from ((name, {level: value}) for value in kind.neighbours(kind.default))


@pytest.mark.contract
def test_every_network_computes_what_its_levels_say():
    n_tried = 0
    for name, changes in settings():
        card = catalogue.find(name)
        torch.manual_seed(3)
        try:
            model = lenet_variants.create(name, card.native_input, card.n_classes, **changes).eval()
        except lenet_variants.VariantError:
            continue  # beside its other levels
        with torch.no_grad():
            for parameter in model.parameters():  # scales and shifts start as nothing
                parameter.add_(0.05 * torch.randn_like(parameter))
            images = torch.randn(3, *card.native_input)
            found, expected = model(images), scores(model, card.resolve(changes), images)
        torch.testing.assert_close(
            *(found, expected),
            rtol=1e-4,
            atol=1e-4,
            msg=lambda text, at=(name, changes): f"{at}: {text}",
        )
        n_tried += 1
    assert n_tried > 150


@pytest.mark.parametrize(
    ("word", "at", "value"),
    [
        ("sigmoid", 1.0, 0.731059),
        ("tanh", 1.0, 0.761594),
        ("scaled_tanh", 1.0, 1.0),
        ("relu", -1.0, 0.0),
        ("leaky_relu", -1.0, -0.01),
        ("elu", -1.0, -0.632121),
        ("gelu", 1.0, 0.841345),
        ("silu", 1.0, 0.731059),
        ("silu", -1.0, -0.268941),
        ("identity", -1.5, -1.5),
    ],
)
def test_the_reference_has_the_published_values(word, at, value):
    assert ACTIVATIONS[word](torch.tensor(at)).item() == pytest.approx(value, abs=2e-5)
