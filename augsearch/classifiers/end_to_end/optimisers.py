"""Optimisers by the names that a study file has for them."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

from augsearch.study.schema.classifier import EndToEndOptions


def make_optimiser(network: nn.Module, options: EndToEndOptions) -> Optimizer:
    """Return the optimiser of all weights; what the options leave open is torch's default.

    Args:
        network: On the device that it is trained on.
        options: Optimiser, learning rate, momentum, weight decay.
    """
    weights = list(network.parameters())
    rate, decay = options.learning_rate, options.weight_decay
    kind = weights[0].device.type
    fused = kind in ("cpu", "cuda")  # one kernel instead of one for each weight and operation
    on_gpu = kind == "cuda"  # counts steps there, so that a CUDA graph can hold the optimiser
    match options.optimizer:
        case "adam":
            return Adam(weights, lr=rate, weight_decay=decay, fused=fused, capturable=on_gpu)
        case "rmsprop":
            return RMSprop(weights, lr=rate, weight_decay=decay, capturable=on_gpu)
        case "sgd":
            momentum = options.momentum
            return SGD(
                weights, lr=rate, weight_decay=decay, momentum=momentum, nesterov=momentum > 0,
                fused=fused,
            )  # fmt: skip
