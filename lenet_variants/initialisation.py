"""How the weights of a network are drawn: the rules a recipe can name.

Called by training, which owns the seed; a rule only draws from torch's global generator. A network
comes with PyTorch's default weights, so `default` draws nothing.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from lenet_variants.errors import VariantError
from lenet_variants.layers import Drawn, Subsampling, draw_uniform

INITS = ("default", "xavier_uniform", "kaiming", "lecun1998", "lecun1998_sqrt")
"""Rules by name.

`xavier_uniform` (Glorot and Bengio 2010) and `kaiming` (He et al. 2015, normal, for ReLU) draw
the weights of convolutions and linear layers and leave the biases as PyTorch draws them.
`lecun1998` draws weights, biases and coefficients uniformly within 2.4 / fan-in, the rule of
LeCun et al. 1998, appendix A; `lecun1998_sqrt` within 2.4 / sqrt(fan-in), as some read it.
"""


def initialise(model: nn.Module, rule: str) -> None:
    """Draw the weights of `model` again by a rule of `INITS`, in the order of its modules.

    Raises:
        VariantError: There is no such rule.
    """
    if rule not in INITS:
        raise VariantError(f"init: expected one of {', '.join(INITS)}, got {rule!r}; name one")
    if rule == "default":
        return
    draw = _draw_1998 if rule.startswith("lecun1998") else _draw_weights
    with torch.no_grad():
        for module in model.modules():
            draw(module, rule)


def _draw_weights(module: nn.Module, rule: str) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        if rule == "xavier_uniform":
            nn.init.xavier_uniform_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    elif isinstance(module, Drawn):
        fan_in, fan_out = module.fans()
        if rule == "xavier_uniform":
            draw_uniform(module.weight, (6.0 / (fan_in + fan_out)).sqrt())
        else:
            deviation = (2.0 / fan_in).sqrt()
            drawn = torch.empty_like(module.weight).normal_()
            module.weight.copy_(drawn * deviation.to(drawn.device))


def _draw_1998(module: nn.Module, rule: str) -> None:
    fans = _fans_in(module)
    if fans is None:
        return
    power = 0.5 if rule.endswith("sqrt") else 1.0
    for parameter, fan_in in zip((module.weight, module.bias), fans, strict=True):
        if isinstance(parameter, nn.Parameter):
            draw_uniform(parameter, 2.4 / fan_in**power)


def _fans_in(module: nn.Module) -> tuple[torch.Tensor, torch.Tensor] | None:
    """How many values feed the units of each weight and of each bias; None without weights."""
    if isinstance(module, Drawn):
        return module.fans()[0], module.bias_fan_in()
    if isinstance(module, Subsampling):
        same = torch.tensor(float(module.window**2))
        return same, same
    if isinstance(module, nn.Conv2d | nn.Linear):
        same = torch.tensor(float(math.prod(module.weight.shape[1:])))
        return same, same
    return None
