"""Batch normalisation as part of the convolution before it: in evaluation it then costs nothing."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


@torch.no_grad()
def folded(model: nn.Module, clips: Tensor) -> nn.Module:
    """Return a copy for evaluation in which convolutions do what the BatchNorms right after them did.

    `clips` [B, C, T, H, W] are sent through it once to see what follows what; a convolution that a BatchNorm
    follows must serve nothing else. Logits are equal but for rounding.
    """
    network = copy.deepcopy(model).eval()
    pairs: dict[_BatchNorm, _ConvNd] = {}
    latest: tuple[_ConvNd, Tensor] | None = None

    def note_convolution(convolution: _ConvNd, _inputs: object, output: Tensor) -> None:
        nonlocal latest
        latest = convolution, output

    def note_norm(norm: _BatchNorm, inputs: tuple[Tensor]) -> None:
        if latest is not None and inputs[0] is latest[1]:
            pairs[norm] = latest[0]

    hooks = [m.register_forward_hook(note_convolution) for m in network.modules() if isinstance(m, _ConvNd)]
    hooks += [m.register_forward_pre_hook(note_norm) for m in network.modules() if isinstance(m, _BatchNorm)]
    network(clips)
    for hook in hooks:
        hook.remove()
    names = {module: name for name, module in network.named_modules()}
    for norm, convolution in pairs.items():
        _fold(norm, convolution)
        network.set_submodule(names[norm], nn.Identity())
    return network


def _fold(norm: _BatchNorm, convolution: _ConvNd) -> None:
    """Change the convolution so that its output is what the norm made of it; computed in double precision."""
    parts = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    gain, bias, mean, variance = (_double(part) for part in parts)  # [C']
    scale = gain / (variance + norm.eps).sqrt()
    before = 0 if convolution.bias is None else _double(convolution.bias)
    weight = convolution.weight  # [C', C, ...]
    convolution.weight = nn.Parameter((_double(weight) * scale.reshape(-1, *[1] * (weight.ndim - 1))).to(weight))
    convolution.bias = nn.Parameter((bias + (before - mean) * scale).to(weight))


def _double(values: Tensor | None) -> Tensor:
    assert values is not None
    return values.to("cpu", torch.float64)  # not every device knows it
