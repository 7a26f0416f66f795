"""The audit of one fitted source in one fold: its images are looked at and judged.

The fold's tuning images say how near to the training images a real image comes that is no copy of
any, and score what a classifier learns from synthetic images alone. Both only judge: no image that
a source gives, and nothing that is trained later, depends on what is found here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.data.leaks.held_out import HeldOut
from augsearch.evaluation.images.audit import audited
from augsearch.evaluation.images.copies import (
    copy_threshold,
    count_copies,
    equal_images,
    nearest_training,
    thumbnails,
)
from augsearch.evaluation.images.floors import set_distances
from augsearch.evaluation.images.ms_ssim import within_class_ms_ssim
from augsearch.evaluation.metrics import Metric
from augsearch.execution.audit_images import SourceImages, equal_shares
from augsearch.execution.folds import FoldImages
from augsearch.records import ImageBlock, LabelledImages, Portion, TrainingSet, pixels_of
from augsearch.seeds import Seed
from augsearch.study.audit_result import (
    AuditNumbers,
    AuditResult,
    ClosestPair,
    CopiesFound,
    Leaked,
    SyntheticScore,
    Variety,
)

PAIRS = 8
"""Closest pairs that are shown."""

SHUFFLES = 199
"""Random assignments of a classifier's outputs to the tuning images: what it scores by chance."""

Points = NDArray[np.float32]
Space = Literal["features", "pixels"]


@dataclass(frozen=True, eq=False)
class AuditedFold:
    """What sources of one fold are held against.

    Attributes:
        fold: The fold, with the sources' pools.
        train: Its real training images; image i is row i of `fold.train`.
        tune_groups: Groups of its tuning images, int64, (N,).
        classifier: Gives the features, and is trained for the score.
        metric: Of the score.
        held_out: Real images that a source made elsewhere must not show; None: it was trained here,
            on the fold's training images.
        seed: Where all randomness comes from.
    """

    fold: FoldImages
    train: LabelledImages
    tune_groups: NDArray[np.int64]
    classifier: Classifier
    metric: Metric
    held_out: HeldOut | None
    seed: Seed


def audit_source(
    source: str,
    against: AuditedFold,
    images_per_class: int,
    quarantined: dict[str, int] | None = None,
) -> AuditResult:
    """Measure the first images of a fitted source and judge them.

    Sets are compared, and the score's classifiers trained, with as many synthetic images of each
    class as there are real ones, or fewer of both; copies are looked for among all images.

    Args:
        source: Name of a source whose pool is in the fold.
        against: The fold's real images, and what looks at images.
        images_per_class: Images of each class to look at; fewer, if the source has no more.
        quarantined: Copies that were dropped of each class; None: no quarantine.
    """
    fold, train, seed = against.fold, against.train, against.seed
    images = SourceImages.of(fold, source, images_per_class)
    counts = np.minimum(images.counts, fold.class_counts)
    places = equal_shares(fold, counts, seed.child("real"))
    real = fold.train.take(places)
    made = images.first(counts.tolist())
    fitted, score = _trained(against, real, made, bool(counts.all()))
    look = _Looking(fitted, fold.tune.block)
    distances = set_distances(
        look.features([real]), look.features(made), train.groups[places], seed.child("sets")
    )
    copies, pairs = _copies(against, images, look)
    classes = train.classes
    return audited(
        AuditNumbers(
            source=source,
            fold=fold.number,
            features="classifier" if look.has_features else "pixels",
            images=dict(zip(classes, images.counts.tolist(), strict=True)),
            identical=equal_images(images.pixels(train.pixels.shape[1:]), train.pixels),
            leaked=_leaked(against, images),
            copies=copies,
            pairs=pairs,
            variety=_variety(train, images, seed.child("variety")),
            kid=distances.kid,
            density=distances.density,
            coverage=distances.coverage,
            score=score,
            missing={classes[label]: why for label, why in images.missing.items()},
            quarantined=quarantined,
        )
    )


class _Looking:
    """Turns images into points: what the classifier's last layer sees, and small pictures."""

    def __init__(self, fitted: FittedClassifier, example: ImageBlock) -> None:
        self._fitted = fitted
        self._seen: dict[str, Points | None] = {}
        self.has_features = self._embedding(example) is not None

    def _embedding(self, block: ImageBlock) -> Points | None:
        if block.key not in self._seen:
            self._seen[block.key] = self._fitted.embedding(block)
        return self._seen[block.key]

    def features(self, portions: Sequence[Portion]) -> Points:
        """Return features of images, float32, (N, D); their pixels, if there are no features."""
        if not self.has_features:
            return self.pixels(portions)
        parts = []
        for portion in portions:
            features = self._embedding(portion.block)
            if features is not None:
                parts.append(features[portion.rows])
        return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)

    def pixels(self, portions: Sequence[Portion]) -> Points:
        """Return small pictures, float32, (N, D)."""
        parts = [thumbnails(portion.pixels) for portion in portions]
        return np.concatenate(parts) if parts else np.empty((0, 1), np.float32)


def _trained(
    against: AuditedFold, real: Portion, made: Sequence[Portion], has_all_classes: bool
) -> tuple[FittedClassifier, SyntheticScore | None]:
    """Return the classifier of real images, and the score of the one of synthetic images.

    Where a class is missing nothing can be trained without it, so real images train one alone.
    """
    fold, seed = against.fold, against.seed.child("training")
    if not has_all_classes:
        everything = TrainingSet((fold.train,), fold.n_classes, seed)
        return against.classifier.fit([everything])[0], None
    sets = [TrainingSet(tuple(parts), fold.n_classes, seed) for parts in ([real], made)]
    fitted = against.classifier.fit(sets)
    shuffles = against.seed.child("shuffles").generator()
    orders = [shuffles.permutation(len(fold.tune.labels)) for _ in range(SHUFFLES)]
    ours, theirs = (
        _scored(one.predict_portion(fold.tune), fold.tune.labels, against.metric, orders)
        for one in reversed(fitted)
    )
    if not np.isfinite([ours.value, theirs.value]).all():
        return fitted[0], None
    score = SyntheticScore(
        metric=against.metric.name,
        value=ours.value,
        real=theirs.value,
        p_better=ours.p_better,
        p_worse=ours.p_worse,
        real_p_better=theirs.p_better,
    )
    return fitted[0], score


class _Scored(NamedTuple):
    value: float
    p_better: float
    p_worse: float


def _scored(
    outputs: NDArray[np.float64],
    labels: NDArray[np.int64],
    metric: Metric,
    orders: Sequence[NDArray[np.int64]],
) -> _Scored:
    """Return a score, and how often outputs in random orders are as good, and as bad."""
    sign = metric.sign
    value = metric(labels, outputs)
    by_chance = np.array([metric(labels, outputs[order]) for order in orders])
    better, worse = sign * by_chance >= sign * value, sign * by_chance <= sign * value
    total = len(orders) + 1
    return _Scored(value, (1 + int(better.sum())) / total, (1 + int(worse.sum())) / total)


def _copies(
    against: AuditedFold, images: SourceImages, look: _Looking
) -> tuple[dict[Space, CopiesFound], list[ClosestPair]]:
    """Count copies by features and by pixels; return the closest pairs by either."""
    if not images.all:
        return {}, []
    copies: dict[Space, CopiesFound] = {}
    nearness, rows = np.full(int(images.counts.sum()), np.inf), np.empty(0, dtype=np.int64)
    spaces: dict[Space, Callable[[Sequence[Portion]], Points]] = {"pixels": look.pixels}
    if look.has_features:
        spaces = {"features": look.features, "pixels": look.pixels}
    for space, points in spaces.items():
        train, fold = points([against.fold.train]), against.fold
        held_out = nearest_training(points([fold.tune]), train)
        found = nearest_training(points(images.all), train)
        threshold = copy_threshold(held_out.relative, against.tune_groups)
        copies[space] = count_copies(found.relative, held_out.relative, threshold)
        # A threshold of 0 tells nothing, but the closest pairs are worth a look all the same.
        near = found.relative / (threshold.value or 1.0)
        rows = np.where(near < nearness, found.rows, rows) if rows.size else found.rows
        nearness = np.minimum(near, nearness)
    return copies, _pairs(against.train, images, nearness, rows)


def _leaked(against: AuditedFold, images: SourceImages) -> Leaked | None:
    if against.held_out is None:
        return None
    pairs = against.held_out.shown_by(images.pixels(against.train.pixels.shape[1:]))
    rows = sorted({row for _, row in pairs})
    return Leaked(
        count=len({number for number, _ in pairs}),
        shown=[against.held_out.places[row] for row in rows],
    )


def _pairs(
    train: LabelledImages,
    images: SourceImages,
    nearness: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> list[ClosestPair]:
    labels = np.repeat(np.arange(len(images.counts)), images.counts)
    firsts = np.cumsum(images.counts) - images.counts
    return [
        ClosestPair(
            label=int(labels[place]),
            index=int(place - firsts[labels[place]]),
            row=int(rows[place]),
            name=train.names[rows[place]],
            nearness=float(nearness[place]),
        )
        for place in np.argsort(nearness, kind="stable")[:PAIRS]
    ]


def _variety(train: LabelledImages, images: SourceImages, seed: Seed) -> list[Variety]:
    found = []
    for label, name in enumerate(train.classes):
        real = train.pixels[train.labels == label]
        made = pixels_of(images.classes[label], train.pixels.shape[1:])
        if min(len(real), len(made)) >= 2:
            means = [
                within_class_ms_ssim(pixels, seed.child(label, part)).mean
                for part, pixels in (("synthetic", made), ("real", real))
            ]
            found.append(Variety(class_name=name, synthetic=means[0], real=means[1]))
    return found
