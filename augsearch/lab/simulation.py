"""Rules on simulated curves: what they lose, what they promise, what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.lab.curves import GAIN, LARGEST, SHAPES, curve
from augsearch.lab.noise import Noise, auc_variance
from augsearch.lab.replay import Contender, contenders, replay
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

WINDOWS = (6, 12, 18)
REPLICATES = (1, 3)
PUBLISHED = "sliding window 12"
"""The rule of Kong et al. 2022; its cost with one replicate is the unit of all costs."""

TUNING_SETS = (39, 200, 1000)
"""Tuning images of the lab's three sets; 39 are those of Kong et al. 2022."""

BASE = 0.80
"""True AUC at K = 1."""


@dataclass(frozen=True)
class Setting:
    """What is simulated: a tuning set, its noise, and how far curves rise.

    Attributes:
        images: Number of tuning images.
        noise: Of the scores that they give.
        base: True AUC at K = 1.
        gain: How far curves rise above it, or fall below.
    """

    images: int
    noise: Noise
    base: float = BASE
    gain: float = GAIN

    @classmethod
    def standard(cls, images: int) -> Setting:
        """Return the lab's setting for a number of tuning images, half of them positive."""
        positives = images // 2
        return cls(images, Noise.of_images(auc_variance(BASE, positives, images - positives)))


@dataclass(frozen=True)
class RuleScore:
    """How a rule did in one setting, on average over all shapes and simulations.

    Attributes:
        rule: The rule in words, replicates apart.
        window: Its window; None: it has none.
        replicates: Trainings per amount (and round).
        images: Tuning images of the setting.
        regret: True AUC at the best K (of 1 to 60) minus that at the chosen one.
        regret_error: Monte-Carlo standard error of `regret`.
        optimism: Reported AUC minus the true one of the chosen K.
        false_gains: Share of flat curves on which it chose a K above 1.
        trainings: How many it took.
        cost: Training images it used, all trainings together, over those of the published rule.
    """

    rule: str
    window: int | None
    replicates: int
    images: int
    regret: float
    regret_error: float
    optimism: float
    false_gains: float
    trainings: float
    cost: float


def standard_contenders() -> list[Contender]:
    """Return every rule that the lab compares, the published one among them."""
    windows = [SlidingWindow(window, max_multiple=LARGEST) for window in WINDOWS]
    return contenders(windows, Halving(max_multiple=LARGEST), REPLICATES, REPLICATES)


def simulate(
    setting: Setting, rules: Sequence[Contender], simulations: int, seed: Seed
) -> list[RuleScore]:
    """Run every rule on the same simulated scores of all eight shapes.

    Args:
        setting: What is simulated.
        rules: The rules.
        simulations: How many curves of each shape, at least 1.
        seed: Simulation i of a shape depends on (seed, tuning images, shape, i) alone.
    """
    outcomes = np.empty((len(rules), len(SHAPES), simulations, len(_OUTCOME)))
    for row, shape in enumerate(SHAPES):
        truth = curve(shape, setting.base, setting.gain)
        for number in range(simulations):
            one = seed.child(setting.images, shape, number)
            outcomes[:, row, number] = list(_outcomes(setting, rules, truth, one))
    # Without the published rule among them, costs are relative to the first.
    names = [(contender.name, contender.replicates) for contender in rules]
    published = names.index((PUBLISHED, 1)) if (PUBLISHED, 1) in names else 0
    unit = float(outcomes[published, ..., _IMAGES].mean())
    return [
        _summary(contender, setting, found, unit)
        for contender, found in zip(rules, outcomes, strict=True)
    ]


_OUTCOME = ("regret", "optimism", "above one", "trainings", "images")
_REGRET, _OPTIMISM, _ABOVE_ONE, _TRAININGS, _IMAGES = range(len(_OUTCOME))


def _outcomes(
    setting: Setting, rules: Sequence[Contender], truth: Floats, seed: Seed
) -> Iterator[tuple[float, ...]]:
    """Yield each rule's outcome on one simulation, in the order of `_OUTCOME`."""
    scores = setting.noise.scores(truth, seed)
    for contender in rules:
        count = contender.replicates

        def trained(amount: float, number: int, count: int = count) -> list[float]:
            found = scores[number * count : (number + 1) * count, int(amount) - 1]
            return [float(score) for score in found]

        history = replay(contender.rule, trained).history
        amounts = [entry.multiple for entry in history]
        multiple, reported = contender.choice(history, setting.noise.seen(amounts)) or (1.0, 0.0)
        true = truth[int(multiple) - 1]
        yield (
            truth.max() - true,
            reported - true,
            float(multiple > 1),
            len(history) * count,
            sum(amounts) * count,
        )


def _summary(contender: Contender, setting: Setting, found: Floats, unit: float) -> RuleScore:
    """Average outcomes, (shapes, simulations, 5)."""
    mean = found.mean(axis=(0, 1))
    n_shapes, simulations = found.shape[:2]
    spread = found[..., _REGRET].var(axis=1, ddof=1).sum() if simulations > 1 else np.nan
    flat = list(SHAPES).index("flat")
    return RuleScore(
        rule=contender.name,
        window=contender.window,
        replicates=contender.replicates,
        images=setting.images,
        regret=float(mean[_REGRET]),
        regret_error=float(np.sqrt(spread / simulations) / n_shapes),
        optimism=float(mean[_OPTIMISM]),
        false_gains=float(found[flat, :, _ABOVE_ONE].mean()),
        trainings=float(mean[_TRAININGS]),
        cost=float(mean[_IMAGES] / unit),
    )
