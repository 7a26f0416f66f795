"""The history of a finished search: how noisy its trainings were, and other rules on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from augsearch.lab.replay import Contender, Replay, contenders, replay
from augsearch.lab.simulation import WINDOWS
from augsearch.records import Evaluation
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.settings import Direction

Floats = NDArray[np.float64]

HALVING_ROUNDS = 4
"""How often `Halving` trains its finalists."""


@dataclass(frozen=True, eq=False)
class History:
    """The scores of one searched arm.

    Attributes:
        scores: Multiple -> scores of its trainings, float64, (folds, replicates).
        direction: Which way they are better.
        windows: The sliding windows to replay, with where they start and go.
        noise: Variance of a single score that the run knew of; None: the scores alone tell it.
    """

    scores: Mapping[float, Floats]
    direction: Direction
    windows: Sequence[SlidingWindow]
    noise: float | None = None

    @classmethod
    def of(
        cls,
        entries: Sequence[Evaluation],
        n_folds: int,
        replicates: int,
        direction: Direction,
        own: SlidingWindow | None,
        noise: float | None = None,
    ) -> History:
        """Sort a search's scores by amount, fold and replicate.

        Args:
            entries: What was evaluated; scores in order of (round, fold, replicate).
            n_folds: Folds of the study.
            replicates: Trainings per fold (and round).
            direction: "maximize" or "minimize".
            own: The search's own rule, if it was a sliding window: the others are like it.
            noise: What the search's own smoothed curve was told.
        """
        found: dict[float, list[Floats]] = {}
        for entry in entries:
            rounds = np.asarray(entry.scores, dtype=np.float64).reshape(-1, n_folds, replicates)
            found.setdefault(entry.multiple, []).extend(rounds)
        like = own or SlidingWindow(direction=direction)
        sizes = sorted({*WINDOWS, *([own.window] if own else [])})
        windows = [replace(like, window=window) for window in sizes]
        scores = {amount: np.concatenate(parts, axis=1) for amount, parts in found.items()}
        return cls(scores, direction, windows, noise)

    @property
    def replicates(self) -> int:
        """Trainings per fold that every amount has."""
        return min(len(scores[0]) for scores in self.scores.values())

    @property
    def n_folds(self) -> int:
        """Folds of the study."""
        return len(next(iter(self.scores.values())))

    def replicate_sd(self, only: float | None = None) -> float | None:
        """Return by how much the trainings of one amount differ, as SD of a mean over folds.

        Args:
            only: This amount's trainings; None: pooled over all amounts.

        Returns:
            The SD; None if no amount has two finite scores in a fold.
        """
        squares, freedom = 0.0, 0
        for amount, scores in self.scores.items():
            if only is not None and amount != only:
                continue
            for fold in scores:
                finite = fold[np.isfinite(fold)]
                if len(finite) > 1:
                    squares += float(((finite - finite.mean()) ** 2).sum())
                    freedom += len(finite) - 1
        return math.sqrt(squares / freedom / self.n_folds) if freedom else None

    def replay(self, contender: Contender) -> Replay:
        """Run a rule on these scores, as far as they reach."""
        count = contender.replicates

        def trained(amount: float, number: int) -> list[float] | None:
            scores = self.scores.get(float(amount))
            if scores is None or len(scores[0]) < (number + 1) * count:
                return None
            per_fold = scores[:, number * count : (number + 1) * count]
            return [float(score) for score in per_fold.mean(axis=0)]

        return replay(contender.rule, trained)

    def contenders(self) -> list[Contender]:
        """Return the rules to replay: windows raw and smoothed, geometric grid, halving.

        Grid and halving go up to the largest amount of the history. Halving starts with a quarter
        of the replicates, so that its finalists have four times as many; the others use all.
        """
        halving = Halving(max_multiple=max(self.scores), direction=self.direction)
        rounds = max(1, self.replicates // HALVING_ROUNDS)
        return contenders(self.windows, halving, [self.replicates], [rounds])
