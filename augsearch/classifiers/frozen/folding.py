"""Batch norms that follow a convolution become part of it: one pass over the images less each."""

from __future__ import annotations

import copy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(network: nn.Module) -> int:
    """Fold each batch norm whose input is a convolution's output into that convolution, in place.

    A batch norm in evaluation mode scales and shifts each channel, which the convolution before it
    can do in its weights and bias; outputs change by rounding alone. Batch norms that stand before
    the convolutions (half of a DenseNet's) stay.

    Args:
        network: In evaluation mode; without branches that depend on values.

    Returns:
        How many were folded.
    """
    modules = dict(network.named_modules())
    folded = 0
    # What is traced stays in memory until Python looks for garbage: a copy without numbers.
    for node in fx.symbolic_trace(copy.deepcopy(network).to("meta")).graph.nodes:
        if node.op != "call_module" or not isinstance(modules[node.target], nn.BatchNorm2d):
            continue
        before = node.args[0]
        if before.op != "call_module" or len(before.users) != 1:
            continue
        convolution = modules[before.target]
        if isinstance(convolution, nn.Conv2d):
            fused = fuse_conv_bn_eval(convolution, modules[node.target])
            network.set_submodule(before.target, fused)
            network.set_submodule(node.target, nn.Identity())
            folded += 1
    return folded
