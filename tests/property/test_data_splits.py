import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.data.assignment import deal_groups
from augsearch.data.dataset import Dataset
from augsearch.data.splits import split_dataset
from augsearch.errors import DataError
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.data import HoldOutSplit, KFoldSplit


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Two to four classes, groups of one to six images, some of several classes."""
    n_classes = draw(st.integers(2, 4))
    group = st.lists(st.integers(0, n_classes - 1), min_size=1, max_size=6)
    drawn = draw(st.lists(group, min_size=3, max_size=40))
    labels = [label for own in drawn for label in own]
    labels += range(n_classes)
    groups = [number for number, own in enumerate(drawn) for _ in own]
    groups += range(len(drawn), len(drawn) + n_classes)
    order = np.array(draw(st.permutations(range(len(labels)))))
    images = LabelledImages(
        pixels=np.zeros((len(labels), 8, 8, 1), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64)[order],
        groups=np.array(groups, dtype=np.int64)[order],
        names=tuple(str(row) for row in range(len(labels))),
        classes=tuple(str(label) for label in range(n_classes)),
    )
    return Dataset(images, None, (), tuple(str(group) for group in range(len(drawn) + n_classes)))


hold_outs = st.integers(10, 80).flatmap(
    lambda train: st.integers(5, 95 - train).map(
        lambda tune: HoldOutSplit(train=train / 100, tune=tune / 100, test=1 - (train + tune) / 100)
    )
)
k_folds = st.builds(
    KFoldSplit,
    method=st.just("k-fold"),
    n_folds=st.integers(2, 6),
    test=st.floats(0.05, 0.5),
)


@settings(max_examples=150)
@given(datasets(), hold_outs | k_folds, st.integers(0, 9))
def test_a_split_is_a_partition_by_group_with_every_class_or_an_error(
    dataset: Dataset, options: HoldOutSplit | KFoldSplit, number: int
) -> None:
    try:
        split = split_dataset(dataset, options, Seed.of(number))
    except DataError as error:
        assert "class" in str(error) or "groups" in str(error)
        return
    images = dataset.images
    everything = list(range(len(images)))
    for fold in split.folds:
        parts = (fold.train, fold.tune, split.test)
        assert sorted(np.concatenate(parts).tolist()) == everything
        groups = [set(images.groups[rows].tolist()) for rows in parts]
        assert sum(map(len, groups)) == len(set.union(*groups))
        assert all(min(images.take(rows).class_counts()) > 0 for rows in parts)
    if len(split.folds) > 1:
        tuned = np.concatenate([fold.tune for fold in split.folds])
        assert sorted([*tuned.tolist(), *split.test.tolist()]) == everything


@settings(max_examples=150)
@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=5),
    st.lists(st.floats(0.05, 1), min_size=2, max_size=6),
    st.integers(0, 9),
)
def test_single_images_are_dealt_to_within_one_of_the_target(
    totals: list[int], weights: list[float], number: int
) -> None:
    fractions = np.array(weights) / sum(weights)
    labels = np.repeat(np.arange(len(totals)), totals)
    counts = np.eye(len(totals), dtype=np.int64)[labels]
    parts = deal_groups(counts, fractions.tolist(), Seed.of(number))
    for label, total in enumerate(totals):
        dealt = np.bincount(parts[labels == label], minlength=len(weights))
        wanted = fractions * total
        assert dealt.sum() == total
        if wanted.min() >= 1:
            assert np.abs(dealt - wanted).max() < 1
        elif total >= len(weights):
            assert dealt.min() >= 1
