"""What a network costs: learnable parameters, and the multiply-accumulates of one forward pass."""

import copy
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(model: nn.Module) -> int:
    """Learnable scalars, a tensor with two names once; running statistics aren't learnable."""
    return sum(parameter.numel() for parameter in model.parameters())


def count_conv_fc_weights(model: nn.Module) -> int:
    """Weights of convolutions and linear layers without biases and norms: the count P1's table 2 prints."""
    return sum(module.weight.numel() for module in model.modules() if isinstance(module, _ConvNd | nn.Linear))


def count_macs(model: nn.Module, input_shape: Sequence[int]) -> int:
    """Multiply-accumulates of convolutions, linear layers and attention products for an input of this shape.

    `input_shape` is [B, C, T, H, W]. P1 and most video papers print this number as "FLOPs". Nothing is
    computed: the model's copy lives on the meta device, and the model itself isn't touched.
    """
    on_meta = copy.deepcopy(model).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        on_meta(torch.empty(tuple(input_shape), device="meta", dtype=next(on_meta.parameters()).dtype))
    return int(counter.get_total_flops()) // 2
