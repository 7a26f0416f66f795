"""The score of a cell is the same whatever trains beside it."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.classifiers.base import Backbone
from augsearch.classifiers.frozen.classifier import FrozenClassifier
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.evaluation.metrics import get_metric
from augsearch.execution.cells import ArmScore
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import arm_recipe
from augsearch.records import ImageBlock, Portion
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.pools.store import PoolStore
from augsearch.sources.repeat import Repeat
from augsearch.study.schema.arms import Addition, Arm, WindowSearch
from augsearch.study.schema.classifier import AdamHead, LogisticHead
from augsearch.testing.images import toy_images


class Pixels(Backbone):
    @property
    def fingerprint(self):
        return "pixels"

    def features(self, images):
        return (images.reshape(len(images), -1) / 127.5 - 1).astype(np.float32)


def block(counts, seed):
    images = toy_images(counts, size=4, seed=seed)
    # Wrong labels for some, so that scores lie between 0.5 and 1.
    labels = np.where(np.arange(len(images)) % 3 == 0, 0, images.labels)
    rows = np.arange(len(images), dtype=np.int64)
    return images, Portion(ImageBlock.of(images.pixels), rows, labels)


def fold(number, counts, folder):
    images, train = block(counts, 2 * number)
    _, tune = block((9,) * len(counts), 2 * number + 1)
    context = FitContext("repeat", number, Seed.of(number), folder)
    pool = Repeat().fit(images, context)
    stores = {"repeat": PoolStore(pool, folder / f"pool-{number}")}
    return FoldImages(number, train, tune, len(counts), Seed.of(0), stores)


COUNTS = st.lists(st.integers(2, 9), min_size=2, max_size=3)
HEADS = st.sampled_from(
    [AdamHead(epochs=2, learning_rate=0.05, batch_size=3), LogisticHead(kind="logistic")]
)


@settings(max_examples=12)
@given(
    counts=COUNTS,
    n_folds=st.integers(1, 2),
    replicates=st.integers(1, 3),
    multiples=st.lists(st.sampled_from([1, 1.5, 2, 3, 4.25]), min_size=2, max_size=4, unique=True),
    balance=st.booleans(),
    extra=st.sampled_from([1.0, 1.6]),
    head=HEADS,
    cut=st.integers(1, 3),
)
def test_alone_together_and_in_any_split(
    counts, n_folds, replicates, multiples, balance, extra, head, cut
):
    arm = Arm(
        balance="repeat" if balance else None,
        add=(Addition(source="repeat", multiple=extra),),
        search=WindowSearch(source="repeat"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        score = ArmScore(
            recipe=lambda multiple, fold: arm_recipe(
                {"a": arm}, "a", multiple, fold.class_counts, {}, fold.sizes
            ),
            folds=[fold(number, counts, folder) for number in range(n_folds)],
            classifier=FrozenClassifier(FeatureStore(Pixels(), folder / "features"), head),
            metric=get_metric("auc"),
            replicates=replicates,
            seed=Seed.of(1),
        )
        together = list(score.score_many(multiples))
        parts = [*score.score_many(multiples[cut:]), *score.score_many(multiples[:cut])]
        alone = [score(multiple) for multiple in reversed(multiples)]
    n = len(multiples[cut:])
    assert [len(scores) for scores in together] == [n_folds * replicates] * len(multiples)
    assert together == parts[n:] + parts[:n] == alone[::-1]
