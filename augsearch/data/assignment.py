"""Deals groups out to parts so that every part has the class proportions of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed

_ATTEMPTS = 10

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


def deal_groups(counts: _Int, fractions: Sequence[float], seed: Seed) -> _Int:
    """Assign each group to one part.

    Groups come in a random order. First every part gets a group of every class, the rarest class
    first; then each group goes where it brings the parts' class counts closest to their targets
    (least sum over classes of squared distance over class size). Groups of several images can make
    an order a poor one, so the best of a few is kept. Where every group is one image and every
    target at least one image, the counts are within one image of the targets.

    Args:
        counts: Images of each group in each class, (G, n_classes).
        fractions: Target share of each part, adding up to 1.
        seed: Decides the order.

    Returns:
        Part of each group, (G,). A part lacks a class only if no order that was tried avoids it.
    """
    targets = _targets(counts.sum(axis=0), np.asarray(fractions, dtype=np.float64))
    best: tuple[int, float] | None = None
    for attempt in range(_ATTEMPTS):
        order = seed.child("order", attempt).generator().permutation(len(counts))
        dealt = _deal_in_order(counts, targets, order)
        filled = _filled(counts, dealt, len(targets))
        off = np.abs(filled - targets)
        rank = (int((filled == 0).sum()), float((off / targets.sum(axis=0)).sum()))
        if best is None or rank < best:
            best, parts = rank, dealt
        if rank[0] == 0 and off.max() < 1:
            break
    return parts


def _targets(totals: _Int, fractions: _Float) -> _Float:
    """Return images wanted per part and class: the share of each part, but at least one."""
    targets = fractions[:, None] * totals
    for label, total in enumerate(totals):
        small = targets[:, label] < 1
        # Giving one to a small part takes from the others, which may make another one small.
        while small.any() and not small.all() and (targets[:, label] < 1).any():
            small |= targets[:, label] < 1
            share = fractions * ~small
            rest = max(total - small.sum(), 0)
            targets[:, label] = np.where(small, 1.0, rest * share / max(share.sum(), 1e-12))
    return np.maximum(targets, 1.0)


def _deal_in_order(counts: _Int, targets: _Float, order: _Int) -> _Int:
    parts = np.full(len(counts), -1, dtype=np.int64)
    filled = np.zeros_like(targets)
    weights = 1 / counts.sum(axis=0)
    for label in np.argsort((counts > 0).sum(axis=0), kind="stable"):
        for part in range(len(targets)):
            free = [g for g in order if parts[g] < 0 and counts[g, label] > 0]
            if filled[part, label] == 0 and free:
                parts[free[0]] = part
                filled[part] += counts[free[0]]
    for group in order:
        if parts[group] < 0:
            own = counts[group]
            costs = (own * (own + 2 * (filled - targets)) * weights).sum(axis=1)
            parts[group] = int(np.argmin(costs))
            filled[parts[group]] += own
    return parts


def _filled(counts: _Int, parts: _Int, n_parts: int) -> _Int:
    filled = np.zeros((n_parts, counts.shape[1]), dtype=np.int64)
    np.add.at(filled, parts, counts)
    return filled
