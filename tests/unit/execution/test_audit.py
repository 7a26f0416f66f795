"""Sources of known vices: what returns training images, one image per class, or fresh ones."""

import re

import numpy as np
import pytest

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen.classifier import FrozenClassifier
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.data.demo import draw_demo
from augsearch.errors import SourceError
from augsearch.evaluation.images.copies import thumbnails
from augsearch.evaluation.metrics import get_metric
from augsearch.execution.audit import PAIRS, AuditedFold, audit_source
from augsearch.execution.folds import FoldImages
from augsearch.records import Portion
from augsearch.seeds import Seed
from augsearch.sources.base import Pool
from augsearch.sources.pools.numbering import by_blocks
from augsearch.sources.pools.store import PoolStore
from augsearch.study.audit_result import AuditResult
from augsearch.study.schema.classifier import LogisticHead

SEED = Seed.of(5)
SIZE = 64


def demo(count, word):
    return draw_demo(count, size=SIZE, channels=1, seed=SEED.child(word))


class Tiny(Backbone):
    """Grey values of small pictures behind random weights."""

    fingerprint = "tiny"

    def features(self, images):
        weights = np.random.default_rng(0).normal(size=(32 * 32, 96)) / 64
        return np.maximum(thumbnails(images) @ weights, 0).astype(np.float32)


class Made(Pool):
    """Image i of a class is what a function of (class, i) gives."""

    def __init__(self, make, size=None):
        self.make, self._size = make, size

    def size(self, label):
        return self._size

    def images(self, label, start, stop):
        def block(number):
            return np.stack([self.make(label, 64 * number + i) for i in range(64)])

        return by_blocks(block, start, stop)


@pytest.fixture(scope="module")
def train():
    return demo(120, "train")


@pytest.fixture(scope="module")
def pools(train):
    own = [train.pixels[train.labels == label] for label in (0, 1)]
    drawn = demo(480, "fresh")
    fresh = [drawn.pixels[drawn.labels == label] for label in (0, 1)]

    def noisy(label, i):
        noise = SEED.child("noise", label, i).generator().normal(0, 3, (SIZE, SIZE, 1))
        return np.clip(own[label][i % len(own[label])] + noise, 0, 255).astype(np.uint8)

    def some_copies(label, i):
        return noisy(label, i) if i % 4 == 0 else fresh[label][i]

    def refuse(label, i):
        if label:
            raise SourceError("I have none")
        return fresh[label][i]

    def one(label, i):
        noise = SEED.child("one", label, i).generator().normal(0, 2, (SIZE, SIZE, 1))
        return np.clip(fresh[label][0] + noise, 0, 255).astype(np.uint8)

    def static(label, i):
        return SEED.child(label, i).generator().integers(0, 256, (SIZE, SIZE, 1)).astype(np.uint8)

    return {
        "fresh": Made(lambda label, i: fresh[label][i]),
        "copies": Made(noisy),
        "shifted": Made(lambda c, i: np.roll(own[c][i % len(own[c])], (1, 1), (0, 1))),
        "some copies": Made(some_copies),
        "training": Made(lambda c, i: own[c][i % len(own[c])]),
        "one": Made(one),
        "static": Made(static),
        "reversed": Made(lambda label, i: fresh[1 - label][i]),
        "average": Made(lambda c, i: fresh[c][4 * i % 192 : 4 * i % 192 + 4].mean(0).astype("u1")),
        "few": Made(lambda label, i: fresh[label][i], size=20),
        "half": Made(refuse),
    }


@pytest.fixture(scope="module")
def tune():
    return demo(80, "tune")


@pytest.fixture
def against(train, tune, pools, tmp_path):
    stores = {name: PoolStore(pool, tmp_path / name) for name, pool in pools.items()}
    fold = FoldImages(2, Portion.whole(train), Portion.whole(tune), 2, Seed.of(0), stores)
    classifier = FrozenClassifier(
        FeatureStore(Tiny(), tmp_path / "features"), LogisticHead(kind="logistic")
    )
    return AuditedFold(fold, train, tune.groups, classifier, get_metric("auc"), None, SEED)


def test_fresh_draws_pass(against):
    result = audit_source("fresh", against, 192)
    assert (result.verdict, result.reasons) == ("pass", [])
    assert (result.source, result.fold, result.features) == ("fresh", 2, "classifier")
    assert result.images == {"clear": 192, "fluid": 192}
    assert result.identical == 0
    for found in result.copies.values():
        assert found.low <= found.expected  # no more than fresh images have by chance
        assert found.median == pytest.approx(found.median_real, abs=0.1)
    assert all(abs(one.lost) < 0.2 for one in result.variety)
    assert result.kid.value == pytest.approx(result.kid.floor, abs=4 * result.kid.se)
    assert result.coverage.value > 0.8 * result.coverage.floor
    assert result.density.value == pytest.approx(result.density.floor, abs=0.4)
    assert result.score.value == pytest.approx(result.score.real, abs=0.1)
    assert AuditResult.model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize("source", ["copies", "shifted", "training"])
def test_training_images_with_small_noise_or_moved_are_caught_as_copies(source, against, train):
    result = audit_source(source, against, 60)
    assert result.verdict == "fail"
    assert "are copies of training images" in result.reasons[0] or source == "training"
    assert result.copies["features"].p_value < 1e-3
    if source != "shifted":
        assert result.copies["features"].share > 0.9 < result.copies["pixels"].share
    assert result.identical == (120 if source == "training" else 0)
    # What makes a copy bad is nothing that the other numbers would tell.
    assert result.coverage.value > 0.8 * result.coverage.floor
    if source == "copies":
        for pair in result.pairs[:3]:
            rows = np.flatnonzero(train.labels == pair.label)
            assert pair.row == rows[pair.index % len(rows)]
            assert pair.name == train.names[pair.row]
            assert pair.nearness < 0.5
        assert len(result.pairs) == PAIRS


def test_a_quarter_of_copies_is_counted_as_a_quarter(against):
    result = audit_source("some copies", against, 100)
    assert result.verdict == "fail"
    for found in result.copies.values():
        assert found.share == pytest.approx(0.25, abs=0.05)
        assert found.low < found.share < found.high


def test_one_image_per_class_is_caught_as_collapsed(against):
    result = audit_source("one", against, 60)
    assert result.verdict == "fail"
    assert [one.class_name for one in result.variety] == ["clear", "fluid"]
    assert all(one.lost > 0.8 for one in result.variety)
    words = r"images of class 'clear' \(MS-SSIM .*\) and of class 'fluid' \(.*\) look too"
    assert re.match(words, result.reasons[0])
    assert result.coverage.value < 0.25 * result.coverage.floor
    assert result.copies["pixels"].p_value > 0.01  # nor are they copies


def test_what_looks_like_nothing_real_covers_nothing(against):
    result = audit_source("static", against, 60)
    assert result.verdict == "fail" and "(coverage)" in result.reasons[0]
    assert result.density.value < 0.05 < 0.5 < result.density.floor
    assert result.kid.value > result.kid.floor + 5 * result.kid.floor_se


def test_exchanged_classes_are_worse_than_chance(against):
    result = audit_source("reversed", against, 60)
    assert result.verdict == "fail" and "worse than chance" in result.reasons[0]
    assert result.score.value < 0.3 < 0.7 < result.score.real


def test_averages_are_nearer_to_all_and_no_copies(against):
    result = audit_source("average", against, 60)
    assert all(found.p_value > 0.01 for found in result.copies.values())


def test_a_source_that_ends_is_looked_at_to_its_end(against):
    result = audit_source("few", against, 200)
    assert result.images == {"clear": 20, "fluid": 20}
    assert result.score is not None and result.verdict == "pass"


def test_a_class_without_images_is_said_and_the_rest_measured(against):
    result = audit_source("half", against, 60)
    assert result.images == {"clear": 60, "fluid": 0}
    assert result.missing == {"fluid": "I have none"}
    assert result.score is None
    assert result.verdict == "warn" and "'fluid'" in result.reasons[0]
    assert [one.class_name for one in result.variety] == ["clear"]


def test_without_features_pixels_take_their_place(against, classifier, tmp_path):
    small = AuditedFold(**(vars(against) | {"classifier": classifier}))
    result = audit_source("copies", small, 60)
    assert result.features == "pixels" and list(result.copies) == ["pixels"]
    assert result.verdict == "fail"
    assert result.coverage.floor is not None


def test_what_is_audited_beside_it_changes_nothing(against):
    first = audit_source("fresh", against, 30)
    audit_source("one", against, 60)
    assert audit_source("fresh", against, 30) == first


def test_the_tuning_images_are_not_trained_on(against, classifier, read):
    small = AuditedFold(**(vars(against) | {"classifier": classifier}))
    audit_source("fresh", small, 60)
    tune = {one.tobytes() for one in small.fold.tune.block.pixels}
    for used in classifier.sets:
        assert used.tune is None
        assert not tune & {one.tobytes() for one in read.images(used)[0]}
    counts = [np.bincount(read.images(used)[1]).tolist() for used in classifier.sets]
    assert counts[0] == counts[1]  # as many synthetic images of each class as real ones
