"""Optuna's TPE proposes the multiple itself, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.ledger.database import calling_optuna
from augsearch.search.ledger.ledger import PARAMETER
from augsearch.search.ledger.trials import finite_or_worst
from augsearch.search.rules.halving import MAX_MULTIPLE, checked_limit, fractions_up_to
from augsearch.search.settings import DIRECTIONS, Direction, check_known, whole_number
from augsearch.search.smoothing import smoothed_order
from augsearch.seeds import Seed


@dataclass(frozen=True)
class TpeRule(SearchRule):
    """K = 1, then what a Tree-structured Parzen Estimator proposes (Bergstra et al. 2011).

    TPE looks for K on a logarithmic scale, among whole multiples up to `max_multiple`. An amount
    that it proposes again gets further replicates, which is where it hopes for the best score. The
    winner is the best posterior mean of a Gaussian process over log K (`smoothed_order`), which is
    also its score; like `Halving` it is made for scores on the scale of AUC or accuracy (0 to 1).
    Only one amount is certain at a time, so nothing trains in parallel.

    Every proposal comes from a fresh sampler, whose seed follows from `seed` and the number of
    evaluations, on a study made of the history: it depends on nothing else (but may change with
    Optuna's version). A score that is not finite is the worst there is to TPE and never wins.

    Attributes:
        max_multiple: No amount goes beyond it, at least 1; None: 60.
        trials: How many evaluations there are in all, at least 1.
        fractions: Below 2, propose 1.25 and 1.5, too.
        seed: Of TPE's draws.
        direction: "maximize" or "minimize".

    Raises:
        ValueError, TypeError: A setting out of its range or of the wrong type.

    Example:
        >>> TpeRule().propose([])
        (1,)
    """

    max_multiple: float | None = MAX_MULTIPLE
    trials: int = 24
    fractions: bool = False
    seed: int = 0
    direction: Direction = "maximize"

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_multiple", checked_limit(self.max_multiple))
        for name in ("trials", "seed"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if self.trials < 1:
            raise ValueError(
                f"trials must be at least 1 but got {self.trials}; 24 cost what halving costs."
            )
        fractions_up_to(1, self.fractions)
        check_known("direction", self.direction, DIRECTIONS)

    def propose(self, history: Sequence[Evaluation]) -> tuple[float, ...]:
        """Return the next amount, the only one that is certain."""
        if len(history) >= self.trials:
            return ()
        return (self._drawn(history) if history else 1,)

    def finished(self, history: Sequence[Evaluation]) -> str | None:
        """Return "trials" or "no_finite_score"; None while the search goes on."""
        if len(history) < self.trials:
            return None
        return "no_finite_score" if self.best(history) is None else "trials"

    def best(self, history: Sequence[Evaluation]) -> Evaluation | None:
        """Return the best amount with its posterior mean as score; None if no score is finite."""
        return next(iter(smoothed_order(history, self.direction)), None)

    def _drawn(self, history: Sequence[Evaluation]) -> float:
        import optuna

        draws = Seed.of(self.seed, "tpe", len(history)).integer() % 2**32
        limit = checked_limit(self.max_multiple)
        range_ = optuna.distributions.FloatDistribution(1.0, float(limit), log=True)
        with calling_optuna():
            study = optuna.create_study(
                direction=self.direction, sampler=optuna.samplers.TPESampler(seed=draws)
            )
            study.add_trials(
                optuna.create_trial(
                    params={PARAMETER: entry.multiple},
                    distributions={PARAMETER: range_},
                    value=finite_or_worst(entry.score, self.direction),
                )
                for entry in history
            )
            drawn = float(study.ask({PARAMETER: range_}).params[PARAMETER])
        whole = (math.floor(drawn), min(math.ceil(drawn), math.floor(limit)))
        allowed = (*whole, *fractions_up_to(limit, self.fractions))
        return min(allowed, key=lambda amount: abs(amount - drawn))
