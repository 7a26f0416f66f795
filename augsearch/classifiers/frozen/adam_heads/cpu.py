"""Heads on the CPU: a compiled loop in which each head runs alone, one head per thread.

A head's weights and moments (8 to 16 KB) stay in the core's first cache for all its steps, and the
rows of the bank are read where they are. Nothing is shared between heads, so neither their number
nor the number of threads can touch a bit of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from augsearch.classifiers.frozen.adam_heads.batches import HeadCell
from augsearch.classifiers.frozen.adam_heads.compiled import Loop, compiled
from augsearch.classifiers.frozen.adam_heads.problem import BETA1, BETA2, HeadProblem
from augsearch.device import thread_count

_CHUNK = 1 << 16
"""Images that a head sees before it reports back: some 10 ms."""

# Arguments of the loop, not constants in it: its machine code is kept until this file changes.
_MEAN_SHARE, _SQUARE_SHARE = np.float32(1 - BETA1), np.float32(1 - BETA2)

Array = NDArray[np.float32]
Numbers = NDArray[np.int32]


def train_on_cpu(
    bank: Array, cells: Sequence[HeadCell], problem: HeadProblem, advance: Callable[[int], None]
) -> list[Array]:
    """Return the trained weights, float32, (R, W) each, in the order of `cells`.

    Args:
        bank: float32, (rows, W), C-contiguous.
        cells: What to train.
        problem: What they have in common.
        advance: Called with the number of head steps done since the last call.
    """
    options = problem.options
    longest = max(cell.steps_per_epoch(options.batch_size) for cell in cells) * options.epochs
    rates = problem.rates(longest)
    # The longest is popped first, so that no thread is left with a long one at the end.
    heads = [_Head(bank, cell, problem, rates) for cell in cells]
    waiting = sorted(heads, key=lambda head: len(head.cell.rows))
    running: dict[Future[int], _Head] = {}
    workers = thread_count()
    with ThreadPoolExecutor(workers) as pool:
        while waiting or running:
            while waiting and len(running) < workers:
                head = waiting.pop()
                running[pool.submit(head.run)] = head
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                head = running.pop(done)
                advance(done.result())
                if not head.is_done:
                    running[pool.submit(head.run)] = head
    return [head.weight for head in heads]


class _Head:
    """One head on its way."""

    def __init__(
        self, bank: Array, cell: HeadCell, problem: HeadProblem, rates: tuple[Array, Array]
    ) -> None:
        self.cell = cell
        self.weight = problem.start(cell.seed)
        self._bank, self._problem, self._rates = bank, problem, rates
        self._mean, self._square, self._gradient = (np.zeros_like(self.weight) for _ in range(3))
        self._layouts = cell.layouts(problem.options.epochs, max(1, _CHUNK // len(cell.rows)))
        self._epoch = 0

    @property
    def is_done(self) -> bool:
        return self._epoch == self._problem.options.epochs

    def run(self) -> int:
        """Train some epochs and return the number of steps."""
        problem, options = self._problem, self._problem.options
        rows, labels = next(self._layouts)
        first, last = self._epoch, self._epoch + len(rows)
        steps = self.cell.steps_per_epoch(options.batch_size)
        rates, guards = (each[first * steps : last * steps] for each in self._rates)
        _train(
            self._bank, rows, labels, rates, guards, options.batch_size, problem.is_softmax,
            np.float32(problem.scale), _MEAN_SHARE, _SQUARE_SHARE,
            self.weight, self._mean, self._square, self._gradient,
        )  # fmt: skip
        self._epoch = last
        return (last - first) * steps


# Sums may be added up in another order, one fixed by the compiler, so that they fill vector
# registers; NaN and infinities keep their meaning; other threads run meanwhile.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}
_inlined: Callable[[Loop], Loop] = numba.njit(**_OPTIONS)
_FLOATS, _MATRIX, _NUMBERS = types.float32[::1], types.float32[:, ::1], types.int32[:, ::1]


@_inlined
def _dot(x: Array, y: Array) -> np.float32:
    total = np.float32(0)
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@_inlined
def _to_errors(scores: Array, label: int, is_softmax: bool, scale: np.float32) -> None:
    """Turn an image's scores, (R,), into the loss's derivative with respect to them."""
    # Loops, not array expressions: those take the compiler seconds.
    highest, total = max(scores) if is_softmax else np.float32(0), np.float32(0)
    for r in range(len(scores)):
        scores[r] = np.exp(scores[r] - highest) if is_softmax else 1 / (1 + np.exp(-scores[r]))
        total += scores[r]
    for r in range(len(scores)):
        share = scores[r] / total if is_softmax else scores[r]
        scores[r] = (share - np.float32(r == label)) * scale


@_inlined
def _add(total: Array, factor: np.float32, x: Array) -> None:
    for j in range(len(x)):
        total[j] += factor * x[j]


@_inlined
def _adam(
    weight: Array, gradient: Array, mean: Array, square: Array, rate: np.float32, guard: np.float32,
    mean_share: np.float32, square_share: np.float32,
) -> None:  # fmt: skip
    """Make one step of one row and clear its gradient."""
    for j in range(len(weight)):
        g = gradient[j]
        mean[j] += (g - mean[j]) * mean_share
        square[j] += (g * g - square[j]) * square_share
        weight[j] -= rate * mean[j] / (np.sqrt(square[j]) + guard)
        gradient[j] = 0


# For these types and no others, which could make other bits.
@compiled(
    types.void(
        _MATRIX, _NUMBERS, _NUMBERS, _FLOATS, _FLOATS, types.int64, types.boolean,
        types.float32, types.float32, types.float32, _MATRIX, _MATRIX, _MATRIX, _MATRIX,
    ),
    **_OPTIONS,
)  # fmt: skip
def _train(
    bank: Array, rows: Numbers, labels: Numbers, rates: Array, guards: Array, batch_size: int,
    is_softmax: bool, scale: np.float32, mean_share: np.float32, square_share: np.float32,
    weight: Array, mean: Array, square: Array, gradient: Array,
) -> None:  # fmt: skip
    """Train one head for as many epochs as `rows` and `labels`, (epochs, M), hold.

    `weight`, `mean`, `square` and `gradient`, (R, W), are changed in place; `gradient` is zero
    before and after.
    """
    errors = np.empty((batch_size, len(weight)), np.float32)
    t = 0
    for epoch in range(len(rows)):
        for begin in range(0, rows.shape[1], batch_size):
            end = min(begin + batch_size, rows.shape[1])
            # A loop of its own, so that the next rows are fetched while these are multiplied.
            for i in range(begin, end):
                for r in range(len(weight)):
                    errors[i - begin, r] = _dot(bank[rows[epoch, i]], weight[r])
            share = scale / np.float32(end - begin)
            for i in range(begin, end):
                _to_errors(errors[i - begin], labels[epoch, i], is_softmax, share)
                for r in range(len(weight)):
                    _add(gradient[r], errors[i - begin, r], bank[rows[epoch, i]])
            for r in range(len(weight)):
                _adam(
                    weight[r], gradient[r], mean[r], square[r], rates[t], guards[t],
                    mean_share, square_share,
                )  # fmt: skip
            t += 1
