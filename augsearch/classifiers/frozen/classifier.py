"""The classifier of a frozen backbone: features once, then one head per training set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.classifiers.frozen.adam_heads import HeadCell, train_adam_heads
from augsearch.classifiers.frozen.feature_bank import FeatureBank
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.classifiers.linear_head import LinearHead
from augsearch.events import Advanced, Notify, silent
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.study.schema.classifier import AdamHead, LogisticHead

if TYPE_CHECKING:
    from augsearch.classifiers.image_network import ImageNetwork


@final
class FrozenClassifier(Classifier):
    """Features of a frozen backbone, kept on disk, and a linear head per training set.

    Args:
        store: Makes and keeps the features.
        head: Which head, with its settings.
        device: Where heads are trained.
    """

    fits_together = True

    def __init__(
        self, store: FeatureStore, head: AdamHead | LogisticHead, *, device: str = "cpu"
    ) -> None:
        self._store = store
        self._head = head
        self._device = device

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Fit one head per training set, each independent of the others to the last bit.

        Raises:
            DataError: A training set lacks a class, or names rows or classes that do not exist.
        """
        if not training_sets:
            return []
        for cell in training_sets:
            cell.check()
        bank = FeatureBank(self._store, training_sets, notify)
        if isinstance(self._head, LogisticHead):
            heads = _fit_logistic(bank, training_sets, self._head, notify)
        else:
            heads = _fit_adam(bank, training_sets, self._head, self._device, notify)
        return [FittedFrozen(self._store, head) for head in heads]


@final
class FittedFrozen(FittedClassifier):
    """A fitted head on the features of a frozen backbone."""

    def __init__(self, store: FeatureStore, head: LinearHead) -> None:
        self._store = store
        self.head = head

    def predict_proba(self, block: ImageBlock) -> NDArray[np.float64]:
        """Return class probabilities, float64, (N, n_classes), rows add up to 1."""
        return self.head.predict_proba(self._store.features(block))

    def predict_portion(self, portion: Portion) -> NDArray[np.float64]:
        """Return class probabilities of the portion's images, from the features of its block."""
        return self.predict_proba(portion.block)[portion.rows]

    def embedding(self, block: ImageBlock) -> NDArray[np.float32]:
        """Return the backbone's features, float32, (N, D)."""
        return self._store.features(block)

    def image_network(self) -> ImageNetwork | None:
        """Return backbone and head as one torch module; None for a backbone that is none."""
        return self._store.backbone.image_network(self.head)


def _fit_logistic(
    bank: FeatureBank, cells: Sequence[TrainingSet], options: LogisticHead, notify: Notify
) -> list[LinearHead]:
    from augsearch.classifiers.frozen.logistic_heads import (
        fit_logistic_head,  # scikit-learn loads slowly
    )

    heads = []
    for done, cell in enumerate(cells, start=1):
        heads.append(fit_logistic_head(bank.gather(cell), cell.labels, options, notify))
        notify(Advanced(done, len(cells), "heads"))
    return heads


def _fit_adam(
    bank: FeatureBank,
    training_sets: Sequence[TrainingSet],
    options: AdamHead,
    device: str,
    notify: Notify,
) -> list[LinearHead]:
    steps = [-(-len(cell) // options.batch_size) * options.epochs for cell in training_sets]
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        notify(Advanced(done, sum(steps), "head steps"))

    features = bank.with_ones()
    heads: dict[int, LinearHead] = {}
    for n_classes in sorted({cell.n_classes for cell in training_sets}):
        members = [i for i, cell in enumerate(training_sets) if cell.n_classes == n_classes]
        cells = [
            HeadCell(bank.rows(cell), cell.labels, cell.seed)
            for cell in (training_sets[i] for i in members)
        ]
        fitted = train_adam_heads(
            features, cells, options,
            n_features=bank.n_features, n_classes=n_classes, device=device, advance=advance,
        )  # fmt: skip
        heads.update(zip(members, fitted, strict=True))
    return [heads[i] for i in range(len(training_sets))]
