from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen.classifier import FrozenClassifier
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.errors import DataError
from augsearch.events import Advanced, Event
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead, LogisticHead

LOGISTIC = LogisticHead(kind="logistic")
ADAM = AdamHead(epochs=40, learning_rate=1e-2)


class PixelBackbone(Backbone):
    """Gives the pixels themselves, and counts how many images it saw."""

    seen = 0

    @property
    def fingerprint(self) -> str:
        return "pixels"

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seen += len(images)
        return (images.reshape(len(images), 16) / 127.5 - 1).astype(np.float32)


def block(n: int, seed: int) -> ImageBlock:
    pixels = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 1), dtype=np.uint8)
    return ImageBlock.of(pixels)


REAL, POOL, TEST = block(40, 1), block(30, 2), block(25, 3)


def labels_of(images: ImageBlock) -> NDArray[np.int64]:
    return (images.pixels[:, 0, 0, 0] > 127).astype(np.int64)


def training_set(n_real: int = 40, n_pool: int = 30, seed: int = 0) -> TrainingSet:
    rows = [np.arange(n_real)[::-1], np.arange(n_pool)]
    portions = [
        Portion(images, chosen, labels_of(images)[chosen])
        for images, chosen in zip((REAL, POOL), rows, strict=True)
    ]
    return TrainingSet(tuple(portions), 2, Seed.of(seed))


@pytest.mark.parametrize("head", [LOGISTIC, ADAM], ids=["logistic", "adam"])
def test_one_fitted_classifier_per_training_set(
    head: AdamHead | LogisticHead, tmp_path: Path
) -> None:
    classifier = FrozenClassifier(FeatureStore(PixelBackbone(), tmp_path), head)
    fitted = classifier.fit([training_set(), training_set(20, 0), training_set(10, 25)])
    found = [one.predict_proba(TEST) for one in fitted]
    assert len(found) == 3
    for probabilities in found:
        assert probabilities.shape == (25, 2)
        assert probabilities.dtype == np.float64
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (found[0].argmax(axis=1) == labels_of(TEST)).mean() > 0.8
    assert not np.array_equal(found[0], found[1])


def test_rows_and_labels_of_all_portions_go_together(tmp_path: Path) -> None:
    cell = training_set(12, 17)
    store = FeatureStore(PixelBackbone(), tmp_path)
    (fitted,) = FrozenClassifier(store, LOGISTIC).fit([cell])
    x = np.concatenate([store.features(REAL)[:12], store.features(POOL)[:17]])
    y = np.concatenate([labels_of(REAL)[:12], labels_of(POOL)[:17]])
    reference = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-6, max_iter=1000))
    expected = reference.fit(x, y).predict_proba(store.features(TEST))
    np.testing.assert_allclose(fitted.predict_proba(TEST), expected, atol=1e-4)


def test_shared_blocks_go_through_the_backbone_once(tmp_path: Path) -> None:
    backbone = PixelBackbone()
    classifier = FrozenClassifier(FeatureStore(backbone, tmp_path), ADAM)
    classifier.fit([training_set(n) for n in (10, 20, 30, 40)])
    same_content = ImageBlock.of(REAL.pixels.copy())
    cell = TrainingSet((Portion(same_content, np.arange(40), labels_of(REAL)),), 2, Seed.of(1))
    classifier.fit([cell])
    assert backbone.seen == 70


def test_training_sets_may_differ_in_classes(tmp_path: Path) -> None:
    three = TrainingSet((Portion(REAL, np.arange(9), np.arange(9) % 3),), 3, Seed.of(0))
    store = FeatureStore(PixelBackbone(), tmp_path)
    fitted = FrozenClassifier(store, AdamHead(epochs=2)).fit([three, training_set(), three])
    assert [one.predict_proba(TEST).shape[1] for one in fitted] == [3, 2, 3]


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    for head, unit in ((LOGISTIC, "heads"), (ADAM, "head steps")):
        events: list[Event] = []
        store = FeatureStore(PixelBackbone(), tmp_path)
        FrozenClassifier(store, head).fit([training_set(), training_set(7)], events.append)
        last = events[-1]
        assert isinstance(last, Advanced)
        assert last.unit == unit
        assert last.done == last.total > 0


@pytest.mark.parametrize("head", [LOGISTIC, ADAM], ids=["logistic", "adam"])
def test_a_missing_class_is_named(head: AdamHead | LogisticHead, tmp_path: Path) -> None:
    lonely = TrainingSet((Portion(REAL, np.arange(5), np.zeros(5, np.int64)),), 3, Seed.of(0))
    classifier = FrozenClassifier(FeatureStore(PixelBackbone(), tmp_path), head)
    with pytest.raises(DataError, match=r"each of its 3 classes but has none of class 1, 2"):
        classifier.fit([training_set(), lonely])


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([0, 40], [0, 1], "rows must lie from 0 to 39 but are 0 to 40"),
        ([-1, 1], [0, 1], "rows must lie from 0 to 39 but are -1 to 1"),
        ([0, 1], [0, 2], "labels must lie from 0 to 1 but are 0 to 2"),
        ([], [], "none of class 0, 1 among its 0 images"),
    ],
)
def test_impossible_training_sets(
    rows: list[int], labels: list[int], message: str, tmp_path: Path
) -> None:
    portion = Portion(REAL, np.array(rows, np.int64), np.array(labels, np.int64))
    classifier = FrozenClassifier(FeatureStore(PixelBackbone(), tmp_path), ADAM)
    with pytest.raises(DataError, match=message):
        classifier.fit([TrainingSet((portion,), 2, Seed.of(0))])


def test_nothing_to_fit(tmp_path: Path) -> None:
    assert FrozenClassifier(FeatureStore(PixelBackbone(), tmp_path), ADAM).fit([]) == []
