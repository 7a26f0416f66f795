import csv
from pathlib import Path

import numpy as np
import pytest

from augsearch.data.dataset import Dataset
from augsearch.data.shortages import gan_warnings, verdict_warnings
from augsearch.data.splits import split_dataset, summary, write_split_csv
from augsearch.errors import DataError
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.data import GivenSplit, HoldOutSplit, KFoldSplit

SEED = Seed.of(0, "split")
GIVEN = GivenSplit(method="given")


def dataset(labels: list[int], groups: list[int] | None = None, parts: str = "") -> Dataset:
    count = len(labels)
    letters = {"r": "train", "u": "tune", "e": "test"}
    images = LabelledImages(
        pixels=np.zeros((count, 8, 8, 1), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64),
        groups=np.array(range(count) if groups is None else groups, dtype=np.int64),
        names=tuple(f"image {row}" for row in range(count)),
        classes=tuple("abcdef"[: max(labels) + 1]),
    )
    names = tuple(str(group) for group in range(images.groups.max() + 1))
    return Dataset(images, tuple(letters[p] for p in parts) or None, (), names)


def counts(data: Dataset, rows: np.ndarray) -> list[int]:
    return list(data.images.take(rows).class_counts())


def test_hold_out_has_the_proportions_asked_for() -> None:
    data = dataset([0] * 100 + [1] * 50)
    split = split_dataset(data, HoldOutSplit(), SEED)
    (fold,) = split.folds
    assert counts(data, fold.train) == [70, 35]
    assert counts(data, fold.tune) == [10, 5]
    assert counts(data, split.test) == [20, 10]
    for rows in (fold.train, fold.tune, split.test):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


def test_the_seed_decides_and_order_is_random() -> None:
    data = dataset([0] * 100 + [1] * 50)
    first, again, other = (
        split_dataset(data, HoldOutSplit(), seed).test for seed in (SEED, SEED, SEED.child(1))
    )
    np.testing.assert_array_equal(first, again)
    assert len(np.intersect1d(first, other)) < 20
    assert not np.array_equal(first, np.arange(20))


def test_the_test_set_does_not_depend_on_the_number_of_folds() -> None:
    data = dataset([0] * 40 + [1] * 40)
    splits = [split_dataset(data, KFoldSplit(method="k-fold", n_folds=n), SEED) for n in (2, 5)]
    np.testing.assert_array_equal(splits[0].test, splits[1].test)
    assert [len(split.folds) for split in splits] == [2, 5]
    assert counts(data, splits[0].test) == [8, 8]
    assert [counts(data, fold.tune) for fold in splits[0].folds] == [[16, 16], [16, 16]]


def test_large_patients_fall_evenly_on_all_parts() -> None:
    """Patients with many images must not all end in the training set."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 4, 300)
    groups = np.repeat(np.arange(300), sizes)
    labels = groups % 2
    data = dataset(labels.tolist(), groups.tolist())
    split = split_dataset(data, HoldOutSplit(), SEED)
    rows = {"train": split.folds[0].train, "tune": split.folds[0].tune, "test": split.test}
    for part, share in (("train", 0.7), ("tune", 0.1), ("test", 0.2)):
        own = groups[rows[part]]
        assert abs(len(own) - share * len(groups)) <= 3
        mean_size = len(own) / len(np.unique(own))
        assert abs(mean_size - sizes.mean()) < 0.35


def test_a_rare_class_gets_into_every_part() -> None:
    data = dataset([0] * 200 + [1] * 3)
    split = split_dataset(data, HoldOutSplit(), SEED)
    assert [counts(data, rows)[1] for rows in (split.folds[0].tune, split.test)] == [1, 1]


def test_too_few_of_a_class_is_an_error() -> None:
    with pytest.raises(DataError, match="class 'b' has 2 images of 2 groups"):
        split_dataset(dataset([0] * 50 + [1] * 2), HoldOutSplit(), SEED)
    groups = [*range(50), *[50] * 5, *[51] * 5]
    with pytest.raises(DataError, match="class 'b' has 10 images of 2 groups"):
        split_dataset(dataset([0] * 50 + [1] * 10, groups), HoldOutSplit(), SEED)
    with pytest.raises(DataError, match="5 folds and a test set need at least 6"):
        split_dataset(dataset([0] * 50 + [1] * 5), KFoldSplit(method="k-fold"), SEED)


def test_fewer_groups_than_folds_is_an_error() -> None:
    data = dataset([0, 1] * 20, [row // 10 for row in range(40)])
    with pytest.raises(DataError, match=r"at least 6 groups .* but there are 4"):
        split_dataset(data, KFoldSplit(method="k-fold"), SEED)


def test_a_test_set_that_leaves_too_little_for_the_folds_is_an_error() -> None:
    data = dataset([0] * 8 + [1] * 8)
    options = KFoldSplit(method="k-fold", n_folds=7, test=0.5)
    with pytest.raises(DataError, match=r"the tuning \(fold \d\) set has no image of class"):
        split_dataset(data, options, SEED)


def test_the_given_split_is_kept() -> None:
    data = dataset([0, 1] * 4, parts="rruueerr")
    split = split_dataset(data, GIVEN, SEED)
    assert split.folds[0].train.tolist() == [0, 1, 6, 7]
    assert split.folds[0].tune.tolist() == [2, 3]
    assert split.test.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (dataset([0, 1] * 4), "bring a split along but these do not"),
        (dataset([0, 1] * 4, parts="rrrreeee"), "none in 'tune'"),
        (dataset([0, 1] * 3, parts="rruuer"), "the test set has no image of class 'b'"),
        (dataset([0, 1] * 3, [0, 1, 2, 1, 4, 5], parts="rruuee"), "'1' is in train and tune"),
    ],
)
def test_given_splits_that_cannot_be_used(data: Dataset, words: str) -> None:
    with pytest.raises(DataError, match=words):
        split_dataset(data, GIVEN, SEED)


def test_at_most_five_crossing_groups_are_named() -> None:
    data = dataset([0, 1] * 12, list(range(8)) * 3, parts="r" * 8 + "u" * 8 + "e" * 8)
    with pytest.raises(DataError, match="8 of 8 are in several") as caught:
        split_dataset(data, GIVEN, SEED)
    assert str(caught.value).count(" is in train and tune and test") == 5
    assert "and 3 more" in str(caught.value)


def test_the_summary_counts_images_and_groups() -> None:
    data = dataset([0, 0, 1, 0, 1, 0, 1], [0, 0, 1, 2, 3, 4, 5], parts="rrruuee")
    table = summary(data, split_dataset(data, GIVEN, SEED))
    assert table == [
        ("train", "a", 2, 1),
        ("train", "b", 1, 1),
        ("tune", "a", 1, 1),
        ("tune", "b", 1, 1),
        ("test", "a", 1, 1),
        ("test", "b", 1, 1),
    ]
    folds = split_dataset(dataset([0, 1] * 9), KFoldSplit(method="k-fold", n_folds=2), SEED)
    parts = list(dict.fromkeys(row.part for row in summary(dataset([0, 1] * 9), folds)))
    assert parts == ["train 0", "tune 0", "train 1", "tune 1", "test"]


def test_few_training_images_are_pointed_out() -> None:
    data = dataset([0] * 100 + [1] * 70)
    (warning,) = gan_warnings(data, split_dataset(data, HoldOutSplit(), SEED))
    assert "class 'b' has only 49 training images" in warning
    more = dataset([0] * 100 + [1] * 72)
    assert gan_warnings(more, split_dataset(more, HoldOutSplit(), SEED)) == []


def test_many_classes_of_few_images_are_one_line() -> None:
    data = dataset([0] * 100 + [1] * 20 + [2] * 10)
    (warning,) = gan_warnings(data, split_dataset(data, HoldOutSplit(), SEED))
    assert warning.startswith("2 classes have few training images ('b' 14, 'c' 7); below about 50")


def test_a_class_of_one_or_two_test_patients_is_pointed_out_beforehand() -> None:
    labels = [0] * 40 + [1] * 12
    patients = [*range(40), *([40] * 4 + [41] * 4 + [42] * 4)]
    grouped, alone = dataset(labels, patients), dataset(labels)
    (warning,) = verdict_warnings(grouped, split_dataset(grouped, HoldOutSplit(), SEED))
    assert warning.startswith("the test set has one image or patient only of 'b', so no interval")
    assert verdict_warnings(alone, split_dataset(alone, HoldOutSplit(), SEED)) == []
    fewer = dataset([0] * 40 + [1] * 10)
    (warning,) = verdict_warnings(fewer, split_dataset(fewer, HoldOutSplit(), SEED))
    assert warning.startswith("the test set has two images or patients only of 'b', too few for an")
    untested = HoldOutSplit(train=0.9, tune=0.1, test=0)
    (warning,) = verdict_warnings(alone, split_dataset(alone, untested, SEED))
    assert warning.startswith("the tuning set has one image or patient only of 'b', so no interval")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_split_file_of_a_hold_out_split(tmp_path: Path) -> None:
    data = dataset([0, 1] * 3, parts="rruuee")
    write_split_csv(data, split_dataset(data, GIVEN, SEED), tmp_path / "tables" / "split.csv")
    table = read(tmp_path / "tables" / "split.csv")
    assert [row["part"] for row in table] == ["train", "train", "tune", "tune", "test", "test"]
    assert table[3] == {"image": "image 3", "class": "b", "group": "3", "part": "tune"}


def test_the_split_file_of_folds(tmp_path: Path) -> None:
    data = dataset([0, 1] * 20)
    split = split_dataset(data, KFoldSplit(method="k-fold", n_folds=3), SEED)
    write_split_csv(data, split, tmp_path / "split.csv")
    table = read(tmp_path / "split.csv")
    for number, fold in enumerate(split.folds):
        own = [row for row, line in enumerate(table) if line["fold"] == str(number)]
        assert own == fold.tune.tolist()
    in_test = [row for row, line in enumerate(table) if line["part"] == "test"]
    assert in_test == split.test.tolist()
    assert {(line["part"], line["fold"] == "") for line in table} == {
        ("test", True),
        ("fold", False),
    }


def test_a_hold_out_split_may_have_no_test_set(tmp_path: Path) -> None:
    data = dataset([0] * 60 + [1] * 40, groups=[row // 2 for row in range(100)])
    split = split_dataset(data, HoldOutSplit(train=0.7, tune=0.3, test=0), SEED)
    (fold,) = split.folds
    assert counts(data, fold.train) == [42, 28]
    assert counts(data, fold.tune) == [18, 12]
    assert split.test.dtype == np.int64
    assert len(split.test) == 0
    assert {row.part for row in summary(data, split)} == {"train", "tune"}
    write_split_csv(data, split, tmp_path / "split.csv")
    with (tmp_path / "split.csv").open() as file:
        assert {row["part"] for row in csv.DictReader(file)} == {"train", "tune"}
    with pytest.raises(DataError, match="a training and a tuning set need at least 2 images"):
        split_dataset(dataset([0] * 9 + [1]), HoldOutSplit(train=0.5, tune=0.5, test=0), SEED)


def test_a_given_split_without_test_images_has_to_say_so() -> None:
    untested = GivenSplit(method="given", test=0)
    data = dataset([0, 1] * 4, parts="rrrruuuu")
    split = split_dataset(data, untested, SEED)
    assert (split.folds[0].tune.tolist(), split.test.tolist()) == ([4, 5, 6, 7], [])
    with pytest.raises(DataError, match=r"none in 'test'; complete it, or set split\.test = 0 to"):
        split_dataset(data, GIVEN, SEED)
    with pytest.raises(DataError, match=r"bring no test set but they have 2 test images; drop"):
        split_dataset(dataset([0, 1] * 4, parts="rrrruuee"), untested, SEED)
    with pytest.raises(DataError, match="none in 'tune'; complete it, or use"):
        split_dataset(dataset([0, 1] * 4, parts="r" * 8), untested, SEED)
