"""How well readers tell the class and real from synthetic, and how far they agree.

The reader assessment of Frid-Adar et al. 2018, section IV: accuracy of each reader in both tasks,
on real and on synthetic images apart. Added here: intervals, and agreement between readers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import norm

from augsearch.evaluation.agreement import landis_koch
from augsearch.evaluation.confusion import count, kappa
from augsearch.reader.answers import Answer, Answers
from augsearch.reader.key import Key, Truth

TASKS = ("class", "origin")
KINDS = ("all", "real", "synthetic")
CONFIDENCE = 0.95

Entry = tuple[str, Answer]
"""An image's id and what one reader said about it."""


@dataclass(frozen=True)
class Accuracy:
    """The share of right answers; None where nothing was answered.

    Attributes:
        right: Right answers.
        answered: All answers.
        value: The share.
        low: Lower end of its 95 % Wilson interval. Over several readers it stands on the number of
            images, not of answers: it speaks of these readers and other images, and errs on the
            wide side.
        high: Upper end.
    """

    right: int
    answered: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ReaderScore:
    """One reader, or all of them together.

    Attributes:
        reader: The name; None for all readers together.
        finished: Images on which both questions are answered.
        accuracy: Task ("class", "origin") -> kind of image ("all", "real", "synthetic") -> score.
    """

    reader: str | None
    finished: int
    accuracy: Mapping[str, Mapping[str, Accuracy]]


@dataclass(frozen=True)
class Agreement:
    """Two readers on the images that both answered.

    Attributes:
        readers: Their names.
        task: "class" or "origin".
        images: Images that both answered.
        kappa: Cohen's kappa, None where it is undefined (no image, or one answer only).
        word: What Landis and Koch 1977 call it; None where it is undefined.
    """

    readers: tuple[str, str]
    task: str
    images: int
    kappa: float | None
    word: str | None


@dataclass(frozen=True)
class Assessment:
    """All that the answers to a page say.

    Attributes:
        page: The page's id.
        images: Kind of image -> how many are on the page.
        readers: One score each, in the order of the files.
        together: All readers' answers, None with a single reader.
        agreement: Every pair of readers in both tasks.
    """

    page: str
    images: Mapping[str, int]
    readers: tuple[ReaderScore, ...]
    together: ReaderScore | None
    agreement: tuple[Agreement, ...]


def assess(key: Key, given: Sequence[Answers]) -> Assessment:
    """Score the answers of one or more readers to one page."""
    everything = [(one.reader, list(one.answers.items())) for one in given]
    together = [entry for _, entries in everything for entry in entries]
    kinds = Counter(truth.origin for truth in key.images.values())
    return Assessment(
        page=key.page,
        images={"all": len(key.images), "real": kinds["real"], "synthetic": kinds["synthetic"]},
        readers=tuple(_score(reader, entries, key) for reader, entries in everything),
        together=_score(None, together, key) if len(given) > 1 else None,
        agreement=tuple(
            _agreement(first, second, task, key)
            for task in TASKS
            for first, second in combinations(given, 2)
        ),
    )


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share, Wilson 1927 (JASA 22, page 209).

    Args:
        share: The share, 0 to 1.
        n: How many independent observations it stands on, above 0; need not be whole.

    Example:
        >>> [round(end, 4) for end in wilson(0.5, 10)]
        [0.2366, 0.7634]
    """
    z = float(norm.isf((1 - CONFIDENCE) / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At 0 and 1 an end is the share itself, but for rounding.
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def _score(reader: str | None, entries: Sequence[Entry], key: Key) -> ReaderScore:
    return ReaderScore(
        reader=reader,
        finished=sum(None not in (one.class_name, one.origin) for _, one in entries),
        accuracy={
            task: {kind: _accuracy(entries, task, kind, key) for kind in KINDS} for task in TASKS
        },
    )


def _accuracy(entries: Sequence[Entry], task: str, kind: str, key: Key) -> Accuracy:
    times: Counter[str] = Counter()
    right = 0
    for image, answer in entries:
        truth = key.images[image]
        said = _said(answer, task)
        if said is not None and kind in ("all", truth.origin):
            times[image] += 1
            right += said == _said(truth, task)
    answered = times.total()
    if not answered:
        return Accuracy(0, 0, None, None, None)
    # Readers may all fail on the same images, so an image counts once, however many judged it:
    # Kish's effective number, which is the number of images where all readers answered all.
    effective = answered**2 / sum(n**2 for n in times.values())
    value = right / answered
    return Accuracy(right, answered, value, *wilson(value, effective))


def _agreement(first: Answers, second: Answers, task: str, key: Key) -> Agreement:
    words = key.classes if task == "class" else ("real", "synthetic")
    pairs = []
    for image in first.answers.keys() & second.answers.keys():
        said = [_said(one.answers[image], task) for one in (first, second)]
        if None not in said:
            pairs.append([words.index(str(word)) for word in said])
    ours, theirs = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    value = float(kappa(count(ours, theirs, len(words))))
    return Agreement(
        readers=(first.reader, second.reader),
        task=task,
        images=len(pairs),
        kappa=None if math.isnan(value) else value,
        word=None if math.isnan(value) else landis_koch(value),
    )


def _said(one: Answer | Truth, task: str) -> str | None:
    return one.class_name if task == "class" else one.origin
