"""What a step of a head costs: augsearch, a plain PyTorch loop, and what the machine allows.

    python benchmarks/heads.py [--device cuda]

A head-step is one mini-batch (8 images, 1,024 features and the bias, two softmax classes) through
one head and one step of Adam. Counted by hand, with one row of W = 1,040 numbers for the difference
of the two classes:

    arithmetic  scores 2·8·W + gradient 2·8·W + Adam 12·W    = 45.8 kflop
    memory      8 rows of the bank, 8·4·W                    = 33.3 KB
                (weights, moments and gradient, 16.6 KB, stay in the first cache)

The ceiling is the slower of the two, each measured in the same run: arithmetic at the rate of a
float32 matrix product, memory by a loop that only adds up the same rows in the same order, on as
many threads as augsearch uses. "K = 1" heads share a bank of 304 rows, "K = 26" heads one of 7,904
rows (33 MB, more than most caches hold).

All timings are wall-clock medians taken in turns. On a GPU the ceiling is left out: the goal there
is 0.2 µs with 100 heads or more.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import torch
from measure import interleaved, record, table
from numpy.typing import NDArray
from plain_loop import train_plainly
from torch import nn

from augsearch.classifiers.frozen.adam_heads import HeadCell, train_adam_heads
from augsearch.device import pick_device, thread_count, threads
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

N, FEATURES, WIDTH, BATCH = 304, 1024, 1040, 8
FLOP = (2 * BATCH + 2 * BATCH + 12) * WIDTH
CASES = ((1, 1), (8, 1), (32, 1), (130, 1), (1, 26), (8, 26))
"""(heads, K); the tasks of a case take about the same number of steps in all."""

TARGET_STEPS, PLAIN_STEPS, PRODUCT = {"cpu": 40_000, "cuda": 500_000}, 200, 768
"""A GPU gets as many steps as 100 epochs of 130 heads have: what happens once per head counts."""


def bank_of(multiple: int) -> NDArray[np.float32]:
    """Return N · K rows that look like pooled ReLU features, a one, then zeros."""
    bank = np.zeros((N * multiple, WIDTH), np.float32)
    normal = np.random.default_rng(0).normal(size=(len(bank), FEATURES))
    bank[:, :FEATURES] = np.maximum(normal, 0)
    bank[:, FEATURES] = 1
    return bank


def cells_of(heads: int, multiple: int) -> list[HeadCell]:
    """Return heads that train on all rows of the bank."""
    labels = np.arange(N * multiple) % 2
    return [HeadCell(np.arange(len(labels)), labels, Seed.of(0, i)) for i in range(heads)]


@numba.njit(nogil=True, fastmath=True)
def read_rows(bank: NDArray[np.float32], rows: NDArray[np.int32]) -> float:
    """Add up the rows, in the order of the steps."""
    total = np.float32(0)
    for epoch in range(len(rows)):
        for i in range(rows.shape[1]):
            row = bank[rows[epoch, i]]
            for j in range(len(row)):
                total += row[j]
    return total


def case_tasks(
    heads: int, multiple: int, device: str
) -> tuple[dict[str, Callable[[], object]], int]:
    """Return what to time for one case, and the head-steps of one call."""
    bank, cells = bank_of(multiple), cells_of(heads, multiple)
    epoch_steps = sum(cell.steps_per_epoch(BATCH) for cell in cells)
    epochs = max(1, round(TARGET_STEPS[device] / epoch_steps))
    options = AdamHead(epochs=epochs, batch_size=BATCH)
    orders = [next(cell.layouts(epochs, epochs))[0] for cell in cells]

    def augsearch() -> object:
        return train_adam_heads(
            bank, cells, options,
            n_features=FEATURES, n_classes=2, device=device, advance=lambda steps: None,
        )  # fmt: skip

    def memory() -> object:
        with ThreadPoolExecutor(thread_count()) as pool:
            return list(pool.map(lambda rows: read_rows(bank, rows), orders))

    def layout() -> object:
        return [next(cell.layouts(epochs, epochs)) for cell in cells]

    tasks = {"augsearch": augsearch, "layout": layout}
    if device == "cpu":
        tasks["memory"] = memory
    return tasks, epoch_steps * epochs


def measure_case(heads: int, multiple: int, device: str, repeats: int) -> dict[str, float]:
    """Return microseconds per head-step of each part, and the ratios."""
    tasks, steps = case_tasks(heads, multiple, device)
    cell = cells_of(1, multiple)[0]
    features = torch.from_numpy(bank_of(multiple)[:, :FEATURES].copy()).to(device)
    labels = torch.from_numpy(cell.labels).to(device)

    def plain() -> object:
        with threads(1):  # two are slower here
            return train_plainly(
                nn.Identity(), features, labels, FEATURES, AdamHead(), cell.seed, PLAIN_STEPS
            )

    left, right = torch.rand(PRODUCT, PRODUCT), torch.rand(PRODUCT, PRODUCT)
    used = min(thread_count(), heads)

    def arithmetic() -> object:
        with threads(used):
            return left @ right

    taken = interleaved({**tasks, "plain": plain, "arithmetic": arithmetic}, repeats)
    result: dict[str, float] = {
        "heads": heads,
        "multiple": multiple,
        "plain_us": taken["plain"] / PLAIN_STEPS * 1e6,
        "augsearch_us": taken["augsearch"] / steps * 1e6,
        "layout_us_on_one_core": taken["layout"] / steps * 1e6,
    }
    if device == "cpu":
        result["memory_us"] = taken["memory"] / steps * 1e6
        result["arithmetic_us"] = taken["arithmetic"] / (2 * PRODUCT**3) * FLOP * 1e6
        result["ceiling_us"] = max(result["memory_us"], result["arithmetic_us"])
        result["share_of_ceiling"] = result["ceiling_us"] / result["augsearch_us"]
    result["times_faster_than_plain"] = result["plain_us"] / result["augsearch_us"]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    device = pick_device(given.device)
    results: list[dict[str, float]] = []
    for case in CASES:
        results.append(measure_case(*case, device, given.repeats))
        # After each, in case that a time limit ends this.
        facts = {"cases": results, "headline": headline(results)}
        record("heads" if device == "cpu" else f"heads-{device}", facts)
    print(table(list(results[0]), [list(result.values()) for result in results]))


def headline(results: Sequence[dict[str, float]]) -> list[dict[str, object]]:
    """Return the rows of the README's table: the most heads of each size of training set."""
    largest = {int(one["multiple"]): one for one in results}
    return [
        {
            "what": f"a step of one head, {one['heads']:.0f} heads at once, K = {multiple}",
            "augsearch": one["augsearch_us"],
            "other": one["plain_us"],
            "against": "a plain PyTorch loop",
            "ratio": one["times_faster_than_plain"],
            "unit": "µs",
        }
        for multiple, one in largest.items()
    ]


if __name__ == "__main__":
    main()
