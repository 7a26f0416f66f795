"""Train many heads on one feature bank, on whatever is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads.batches import HeadCell
from augsearch.classifiers.frozen.adam_heads.problem import HeadProblem
from augsearch.classifiers.linear_head import LinearHead
from augsearch.device import has_triton
from augsearch.study.schema.classifier import AdamHead


def train_adam_heads(
    bank: NDArray[np.float32],
    cells: Sequence[HeadCell],
    options: AdamHead,
    *,
    n_features: int,
    n_classes: int,
    device: str,
    advance: Callable[[int], None],
) -> list[LinearHead]:
    """Train one head per cell; each depends on its own cell alone, to the last bit.

    Args:
        bank: float32, (rows, W): features, a column of ones, then zeros.
        cells: What to train, at least one image each.
        options: Kind of output, epochs, batch size, learning rate.
        n_features: D, the columns of `bank` that are features.
        n_classes: Outputs of a head.
        device: The torch device; heads are trained on the CPU unless Triton can use it.
        advance: Called with the number of head steps done since the last call.

    Returns:
        The heads, in the order of `cells`.
    """
    if not cells:
        return []
    problem = HeadProblem(options, n_features, n_classes, bank.shape[1])
    # A kernel is compiled when its module is imported, so only the one that is used is.
    if has_triton(device):
        from augsearch.classifiers.frozen.adam_heads.cuda import train_on_gpu

        weights = train_on_gpu(bank, cells, problem, device, advance)
    else:
        from augsearch.classifiers.frozen.adam_heads.cpu import train_on_cpu

        weights = train_on_cpu(bank, cells, problem, advance)
    return [problem.head(c.seed, w) for c, w in zip(cells, weights, strict=True)]
