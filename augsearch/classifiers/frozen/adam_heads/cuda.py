"""Heads on a GPU: one Triton program per head, which goes through all its steps by itself.

A step of one head is 33 KB of rows and some 50 kflop (1,024 features, batches of 8, two classes):
far less than the launch of a kernel costs. So nothing is launched per step. A program loops over
its mini-batches; weights and moments (12 KB) stay in its multiprocessor's first cache, and 132
multiprocessors train 132 heads side by side. The processor lays out the next epochs meanwhile.
Nothing is shared between programs, so no head depends on its company.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray
from torch import Tensor

from augsearch.classifiers.frozen.adam_heads.batches import HeadCell, Layout
from augsearch.classifiers.frozen.adam_heads.problem import BETA1, BETA2, HeadProblem
from augsearch.device import thread_count

_CHUNK = 1 << 22
"""Images of all heads together that are laid out at a time (8 bytes each)."""
_PRODUCTS, _WARPS = 1 << 14, 16
"""Products of a mini-batch that a program holds in registers at a time, and its warps."""


def train_on_gpu(
    bank: NDArray[np.float32],
    cells: Sequence[HeadCell],
    problem: HeadProblem,
    device: str,
    advance: Callable[[int], None],
) -> list[NDArray[np.float32]]:
    """Return the trained weights, float32, (R, W) each, in the order of `cells`.

    Args:
        bank: float32, (rows, W).
        cells: What to train.
        problem: What they have in common.
        device: A GPU.
        advance: Called with the number of head steps done since the last call.
    """
    options = problem.options
    steps = [cell.steps_per_epoch(options.batch_size) for cell in cells]
    launch = _launcher(bank, cells, problem, device)
    n_epochs = max(1, _CHUNK // sum(len(cell.rows) for cell in cells))
    orders = [cell.layouts(options.epochs, n_epochs) for cell in cells]
    with ThreadPoolExecutor(thread_count()) as pool:
        for first in range(0, options.epochs, n_epochs):
            # While this is laid out, the GPU trains the chunk before.
            layouts = list(pool.map(next, orders))
            weight = launch(layouts, first)
            advance(sum(steps) * len(layouts[0][0]))
    return list(weight.cpu().numpy())


def _launcher(
    bank: NDArray[np.float32], cells: Sequence[HeadCell], problem: HeadProblem, device: str
) -> Callable[[list[Layout], int], Tensor]:
    """Put everything that stays on the device; return what trains some epochs of all heads."""
    options = problem.options
    sizes = [len(cell.rows) for cell in cells]
    longest = max(cell.steps_per_epoch(options.batch_size) for cell in cells) * options.epochs

    def put(values: Any) -> Tensor:
        return torch.as_tensor(values, device=device)

    features, rates, guards = map(put, (bank, *problem.rates(longest)))
    weight = put(np.stack([problem.start(cell.seed) for cell in cells]))
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    on_device_sizes = put(np.array(sizes, np.int32))

    def launch(layouts: list[Layout], first: int) -> Tensor:
        rows, labels = (put(np.concatenate([pair[i].ravel() for pair in layouts])) for i in (0, 1))
        n_epochs = len(layouts[0][0])
        starts = put(np.cumsum([0, *sizes[:-1]]) * n_epochs)
        KERNEL[(len(cells),)](
            features, rows, labels, starts, on_device_sizes, rates, guards,
            weight, mean, square, first, n_epochs, problem.scale, **settings(problem),
            num_warps=_WARPS,
        )  # fmt: skip
        return weight

    return launch


def settings(problem: HeadProblem) -> dict[str, int]:
    """Return the numbers that the kernel is compiled for; see `_train`."""
    batch, outputs = (
        triton.next_power_of_2(n) for n in (problem.options.batch_size, problem.n_outputs)
    )
    block = min(max(_PRODUCTS // (batch * outputs), 16), triton.next_power_of_2(problem.width))
    return {
        "width": problem.width,
        "batch": problem.options.batch_size,
        "outputs": problem.n_outputs,
        "is_softmax": problem.is_softmax,
        "batch_lanes": batch,
        "output_lanes": outputs,
        "block": block,
        "mean_share": 1 - BETA1,
        "square_share": 1 - BETA2,
    }


def _train(
    bank: tl.tensor, rows: tl.tensor, labels: tl.tensor, starts: tl.tensor, sizes: tl.tensor,
    rates: tl.tensor, guards: tl.tensor, weight: tl.tensor, mean: tl.tensor, square: tl.tensor,
    first: tl.tensor, n_epochs: tl.tensor, scale: tl.tensor,
    width: tl.constexpr, batch: tl.constexpr, outputs: tl.constexpr, is_softmax: tl.constexpr,
    batch_lanes: tl.constexpr, output_lanes: tl.constexpr, block: tl.constexpr,
    mean_share: tl.constexpr, square_share: tl.constexpr,
) -> None:  # fmt: skip
    """Train head `program_id` for `n_epochs` epochs, of which `first` is the number of the first.

    `bank` is float32, (rows of the bank, width); `rows` and `labels`, int32, hold each head's
    layout one after the other, of head h from place starts[h] on; `sizes` are its images, int32;
    `rates` and `guards` are those of each step of the longest head; `weight`, `mean`, `square`,
    float32, (heads, outputs, width), are changed in place. The lanes are batch and outputs rounded
    up to powers of two, of which the surplus computes zeros; `block` is the columns at a time.
    """
    head = tl.program_id(0).to(tl.int64)
    start, n = tl.load(starts + head), tl.load(sizes + head)
    per_epoch = tl.cdiv(n, batch)
    i, r = tl.arange(0, batch_lanes), tl.arange(0, output_lanes)
    column = tl.arange(0, block)
    used = r < outputs
    own = (head * outputs + r[:, None]) * width
    for step in range(n_epochs * per_epoch):
        begin = step % per_epoch * batch
        place = start + (step // per_epoch).to(tl.int64) * n + begin + i
        taken = (i < batch) & (begin + i < n)
        row = tl.load(rows + place, mask=taken, other=0).to(tl.int64) * width
        label = tl.load(labels + place, mask=taken, other=0)

        products = tl.zeros((batch_lanes, output_lanes, block), tl.float32)
        for left in tl.range(0, width, block, loop_unroll_factor=4):
            at = left + column[None, :]
            x = tl.load(bank + row[:, None] + at, mask=taken[:, None] & (at < width), other=0.0)
            w = tl.load(weight + own + at, mask=used[:, None] & (at < width), other=0.0)
            products += x[:, None, :] * w[None, :, :]
        z = tl.sum(products, 2)

        if is_softmax:
            z = tl.where(used[None, :], z, float("-inf"))
            z = tl.exp(z - tl.max(z, 1)[:, None])
            probability = z / tl.sum(z, 1)[:, None]
        else:
            probability = 1 / (1 + tl.exp(-z))
        share = scale / tl.minimum(n - begin, batch)
        error = (probability - (label[:, None] == r[None, :]).to(tl.float32)) * share
        error = tl.where(taken[:, None] & used[None, :], error, 0.0)

        t = first * per_epoch + step
        rate, guard = tl.load(rates + t), tl.load(guards + t)
        for left in tl.range(0, width, block, loop_unroll_factor=4):
            at = left + column[None, :]
            inside = used[:, None] & (at < width)
            x = tl.load(bank + row[:, None] + at, mask=taken[:, None] & (at < width), other=0.0)
            g = tl.sum(x[:, None, :] * error[:, :, None], 0)
            m = tl.load(mean + own + at, mask=inside, other=0.0)
            v = tl.load(square + own + at, mask=inside, other=0.0)
            w = tl.load(weight + own + at, mask=inside, other=0.0)
            m += (g - m) * mean_share
            v += (g * g - v) * square_share
            w -= rate * m / (tl.sqrt(v) + guard)
            tl.store(mean + own + at, m, mask=inside)
            tl.store(square + own + at, v, mask=inside)
            tl.store(weight + own + at, w, mask=inside)
        # The next step's threads must see what this step's threads wrote.
        tl.debug_barrier()


# Compiled once, not again for a first epoch of 0, of 1 and of a multiple of 16.
KERNEL: Any = triton.jit(_train, do_not_specialize=["first", "n_epochs"])
