"""What a network costs: learnable parameters, and the multiply-accumulates and the memory of one forward pass."""

import copy
import weakref
from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
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


def count_operations(
    model: nn.Module, input_shape: Sequence[int], *, relus: bool = True, pools_after: Sequence[str] = ()
) -> int:
    """What P2's tables print as GFlops, for an input of this shape [B, C, T, H, W]: MACs and more.

    2 for every element that a BatchNorm normalises, 1 for every one that a ReLU or a max pooling reads. The
    authors' counter saw layers only: not I3D's ReLUs, which are functions there (`relus=False`), nor its pools, and
    all that their SlowFast has, pools of 1 x 1 x 1 too (`pools_after` names the modules before those).
    """
    on_meta = copy.deepcopy(model).to("meta").eval()
    elements = 0

    def count_read(module: nn.Module, inputs: tuple[Tensor], _output: object) -> None:
        nonlocal elements
        elements += inputs[0].numel() * (2 if isinstance(module, _BatchNorm) else 1)

    def count_given(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal elements
        elements += output.numel()

    counted = (_BatchNorm, nn.MaxPool3d, *((nn.ReLU,) if relus else ()))
    for module in on_meta.modules():
        if isinstance(module, counted):
            module.register_forward_hook(count_read)
    for name in pools_after:
        on_meta.get_submodule(name).register_forward_hook(count_given)
    return count_macs(on_meta, input_shape) + elements


@torch.inference_mode()
def peak_activation_bytes(model: nn.Module, clips: Tensor) -> int:
    """Most bytes of input and modules' outputs that are alive at once while `clips` [B, C, T, H, W] are classified.

    They are sent through the network, in evaluation mode, without touching it. (The meta device would compute
    nothing but takes torch seconds to get ready.) What kernels need for themselves comes on top.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    observed = copy.deepcopy(model, shared).eval()
    alive: dict[int, int] = {}
    peak = 0

    def count(module: nn.Module, inputs: object, output: Tensor | tuple[Any, ...]) -> None:
        nonlocal peak
        if not isinstance(output, Tensor):  # of a backbone with two streams, or an LSTM
            for part in output:
                count(module, inputs, part)
            return
        storage = output.untyped_storage()  # shared by views and by what is computed in place
        if id(storage) not in alive:
            alive[id(storage)] = storage.nbytes()
            weakref.finalize(storage, alive.pop, id(storage))
            peak = max(peak, sum(alive.values()))

    for module in observed.modules():
        module.register_forward_hook(count)
    count(observed, (), clips)
    observed(clips)
    return peak
