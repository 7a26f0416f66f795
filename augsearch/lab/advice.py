"""Which rule, window and number of replicates a tuning set asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from augsearch.lab.simulation import RuleScore

WORTH = 0.002
"""AUC that is worth no further training: less than a test set of 1,000 images can show."""


@dataclass(frozen=True)
class Advice:
    """The rules to use, for one number of tuning images.

    Attributes:
        images: Tuning images.
        rule: The rule in words, replicates apart.
        replicates: Its trainings per amount (and round).
        window_rule: The best of the sliding windows, smoothed or not.
        window: Its window.
        window_replicates: Its trainings per amount.
    """

    images: int
    rule: str
    replicates: int
    window_rule: str
    window: int
    window_replicates: int


def advise(scores: Sequence[RuleScore]) -> Advice:
    """Return the cheapest rule that loses at most `WORTH` more than the best; windows likewise.

    Args:
        scores: Of one setting; at least one rule has a window.
    """
    best = _cheapest(scores)
    windows = [(one, one.window) for one in scores if one.window is not None]
    chosen = _cheapest([one for one, _ in windows])
    window = next(window for one, window in windows if one is chosen)
    return Advice(best.images, best.rule, best.replicates, chosen.rule, window, chosen.replicates)


def _cheapest(scores: Sequence[RuleScore]) -> RuleScore:
    least = min(one.regret for one in scores)
    good = [one for one in scores if one.regret <= least + WORTH]
    return min(good, key=lambda one: one.cost)
