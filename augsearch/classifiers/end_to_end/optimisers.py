"""Optimisers by the names that a study file has for them."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

from augsearch.study.schema.classifier import EndToEndOptions


def make_optimiser(network: nn.Module, options: EndToEndOptions) -> Optimizer:
    """Return the optimiser of all weights; what the options leave open is torch's default."""
    weights = network.parameters()
    rate, decay = options.learning_rate, options.weight_decay
    match options.optimizer:
        case "adam":
            return Adam(weights, lr=rate, weight_decay=decay)
        case "rmsprop":
            return RMSprop(weights, lr=rate, weight_decay=decay)
        case "sgd":
            momentum = options.momentum
            return SGD(
                weights, lr=rate, weight_decay=decay, momentum=momentum, nesterov=momentum > 0
            )
