import dataclasses
from pathlib import Path

import numpy as np
import pytest

from augsearch.data.dataset import Dataset
from augsearch.data.demo import draw_demo
from augsearch.data.leaks import firewall
from augsearch.data.leaks.firewall import Finding, describe, find_leaks, refuse
from augsearch.data.splits import Fold, Split, split_dataset
from augsearch.errors import DataError
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.data import (
    CsvData,
    DemoData,
    DigitsData,
    FolderData,
    HoldOutSplit,
    KFoldSplit,
)

DATA = DemoData(kind="demo")
SEED = Seed.of(0, "split")
COUNT = 30
DRAWN = draw_demo(5 * COUNT, size=48, channels=1, seed=Seed.of(3))
PATIENTS = DRAWN.pixels[np.unique(DRAWN.groups, return_index=True)[1]]
OTHERS = PATIENTS[COUNT : 2 * COUNT]
SPLIT = Split((Fold(np.arange(10), np.arange(10, 20)),), np.arange(20, 30))


def dataset(pixels: np.ndarray, groups: np.ndarray | None = None, start: int = 0) -> Dataset:
    """Images in groups of their own, of two classes in turn, called "0", "1" ..."""
    count = len(pixels)
    images = LabelledImages(
        pixels=pixels,
        labels=np.arange(count) % 2,
        groups=np.arange(count) if groups is None else groups,
        names=tuple(str(start + number) for number in range(count)),
        classes=("clear", "fluid"),
    )
    return Dataset(images, None, (), tuple(f"group {code}" for code in np.unique(images.groups)))


def mixed(*copies: tuple[int, int], darker: float = 1.0) -> np.ndarray:
    """Return 30 images of which some are (number, by another number's image) replaced."""
    pixels = PATIENTS[:COUNT].copy()
    for place, original in copies:
        pixels[place] = (pixels[original] * darker).astype(np.uint8)
    return pixels


def messages(found: list[Finding], kind: str) -> list[str]:
    return [finding.message for finding in found if finding.kind == kind]


def test_images_that_are_in_order() -> None:
    assert find_leaks(dataset(mixed()), SPLIT, dataset(OTHERS), DATA) == []


@pytest.mark.parametrize(
    ("place", "original", "where"),
    [
        (12, 4, "'4' (training set) and '12' (tuning set)"),
        (24, 4, "'4' (training set) and '24' (test set)"),
        (24, 14, "'14' (tuning set) and '24' (test set)"),
    ],
)
def test_copies_in_two_sets(place: int, original: int, where: str) -> None:
    exact = find_leaks(dataset(mixed((place, original))), SPLIT, None, DATA)
    assert [(one.kind, one.message, one.severity) for one in exact] == [
        ("copies", f"{where}: identical", "error")
    ]
    (near,) = find_leaks(dataset(mixed((place, original), darker=0.9)), SPLIT, None, DATA)
    assert near.kind == "copies"
    assert near.message.startswith(f"{where}: similarity ")


def test_copies_in_one_set_or_of_one_group_are_in_order() -> None:
    assert find_leaks(dataset(mixed((6, 4), (28, 22))), SPLIT, None, DATA) == []
    groups = np.arange(COUNT)
    groups[24] = groups[4]
    assert find_leaks(dataset(mixed((24, 4)), groups), SPLIT, None, DATA) == []


def test_mirrored_copies_of_another_class() -> None:
    pixels = mixed()
    pixels[25] = (pixels[4] * 0.9)[:, ::-1]
    (found,) = find_leaks(dataset(pixels), SPLIT, None, DATA)
    assert "'4' (training set) and '25' (test set): mirrored, similarity " in found.message
    assert found.message.endswith(", classes 'clear' and 'fluid'")


def test_copies_in_two_folds() -> None:
    folds = [np.setdiff1d(np.arange(20), np.arange(start, start + 10)) for start in (0, 10)]
    split = Split(
        tuple(Fold(train, np.setdiff1d(np.arange(20), train)) for train in folds), SPLIT.test
    )
    found = find_leaks(dataset(mixed((14, 2), (8, 6), (24, 12))), split, None, DATA)
    assert messages(found, "copies") == [
        "'2' (fold 0) and '14' (fold 1): identical",
        "'12' (fold 1) and '24' (test set): identical",
    ]


def test_copies_in_the_external_set() -> None:
    """Its groups have the numbers of the study's groups, but are other ones."""
    outside = OTHERS.copy()
    outside[2] = mixed()[2]
    outside[4] = outside[8]
    found = find_leaks(dataset(mixed()), SPLIT, dataset(outside, start=100), DATA)
    assert [one.message for one in found] == [
        "'2' (training set) and '102' (external test set): identical"
    ]


def test_small_images_and_digits_must_be_identical() -> None:
    near, exact = mixed((24, 4), darker=0.9), mixed((24, 4))
    digits = DigitsData(kind="digits")
    assert find_leaks(dataset(near), SPLIT, None, digits) == []
    assert len(find_leaks(dataset(exact), SPLIT, None, digits)) == 1
    assert find_leaks(dataset(near[:, ::3, ::3]), SPLIT, None, DATA) == []
    assert len(find_leaks(dataset(exact[:, ::3, ::3]), SPLIT, None, DATA)) == 1


def test_contradictions_wherever_they_are() -> None:
    groups = np.arange(COUNT)
    groups[5] = groups[4]
    outside = OTHERS.copy()
    outside[5] = mixed()[2]
    # 4 and 5 are of one set and one group, 7 and 9 have one class.
    real = dataset(mixed((5, 4), (9, 7)), groups)
    found = find_leaks(real, SPLIT, dataset(outside, start=100), DATA)
    assert messages(found, "contradiction") == [
        "'2' (training set) is 'clear' and '105' (external test set) is 'fluid'",
        "'4' (training set) is 'clear' and '5' (training set) is 'fluid'",
    ]
    assert len(messages(found, "copies")) == 1


def test_flat_images_are_named_once_and_not_compared() -> None:
    pixels = mixed()
    pixels[[3, 14, 21]] = 7
    pixels[26] = 100 + np.arange(48 * 48).reshape(48, 48, 1) % 2
    found = find_leaks(dataset(pixels), SPLIT, None, DATA)
    assert [(one.kind, one.message) for one in found] == [
        ("flat", "'3' (training set)"),
        ("flat", "'14' (tuning set)"),
        ("flat", "'21' (test set)"),
        ("flat", "'26' (test set)"),
    ]


def test_a_dark_set_is_not_flat() -> None:
    """12-bit data in 16-bit files use a few grey levels only."""
    assert (
        find_leaks(
            dataset((mixed() // 64).astype(np.uint8)), SPLIT, None, DigitsData(kind="digits")
        )
        == []
    )


def test_missing_groups() -> None:
    real = dataset(mixed())
    column = CsvData(kind="csv", path=Path(__file__), group_column="image")
    (found,) = find_leaks(real, SPLIT, None, column)
    assert (found.kind, found.severity) == ("groups", "error")
    names = tuple(f"clear/p{number // 3}_{number % 3}.png" for number in range(COUNT))
    named = dataclasses.replace(real, images=dataclasses.replace(real.images, names=names))
    (hint,) = find_leaks(named, SPLIT, None, FolderData(kind="folder", path=Path()))
    assert (hint.kind, hint.severity) == ("groups", "hint")
    refuse([hint])


def test_the_demo_images_are_in_order_however_they_are_split() -> None:
    drawn = draw_demo(240, size=32, channels=1, seed=Seed.of(0))
    real = Dataset(drawn, None, (), tuple(str(group) for group in np.unique(drawn.groups)))
    shifted = draw_demo(100, size=32, channels=1, seed=Seed.of(0).child("external"), site="shifted")
    external = Dataset(shifted, None, (), ())
    for options in (HoldOutSplit(), KFoldSplit(method="k-fold")):
        assert find_leaks(real, split_dataset(real, options, SEED), external, DATA) == []


def test_what_the_user_reads() -> None:
    pixels = mixed(*((20 + number, number) for number in range(3)))
    pixels[19] = 0
    first, second = describe(find_leaks(dataset(pixels), SPLIT, None, DATA))
    assert "(pairs: 3)" in first
    assert first.count("\n  '") == 3
    assert "data.group_column" in first.splitlines()[-1]
    assert second.splitlines()[:2] == [
        "images are constant or almost so (1):",
        "  '19' (tuning set)",
    ]
    assert "Remove them" in second


def test_long_lists_are_cut() -> None:
    found = [Finding("flat", f"'{number}' (test set)") for number in range(25)]
    (text,) = describe(found)
    assert "'19' (test set)" in text
    assert "'20' (test set)" not in text
    assert "and 5 more" in text


def test_strict_refuses_all_errors_at_once() -> None:
    pixels = mixed((24, 4))
    pixels[19] = 0
    with pytest.raises(DataError) as caught:
        refuse(find_leaks(dataset(pixels), SPLIT, None, DATA))
    for words in ("strict = false", "'4' (training set) and '24' (test set)", "'19' (tuning set)"):
        assert words in str(caught.value)
    refuse([])


def test_a_run_that_goes_on_compares_once(tmp_path: Path, monkeypatch) -> None:
    calls = []
    compare = firewall.near_duplicates
    monkeypatch.setattr(
        firewall, "near_duplicates", lambda *given: calls.append(1) or compare(*given)
    )
    cache = tmp_path / "near.json"
    copied = dataset(mixed((24, 4), darker=0.9))
    first = find_leaks(copied, SPLIT, None, DATA, cache=cache)
    assert find_leaks(copied, SPLIT, None, DATA, cache=cache) == first
    assert len(first) == len(calls) == 1
    assert find_leaks(dataset(mixed()), SPLIT, None, DATA, cache=cache) == []
    assert len(calls) == 2
    cache.write_text("damaged")
    assert find_leaks(copied, SPLIT, None, DATA, cache=cache) == first
    assert len(calls) == 3
