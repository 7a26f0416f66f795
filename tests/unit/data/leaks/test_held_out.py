from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.data.demo import draw_demo
from augsearch.data.leaks.held_out import HeldOut
from augsearch.records import LabelledImages
from augsearch.seeds import Seed

DRAWN = draw_demo(90, size=64, channels=1, seed=Seed.of(3)).pixels
TUNE, TEST, OTHER = DRAWN[:30], DRAWN[30:60], DRAWN[60:]


def images(pixels: NDArray[np.uint8], prefix: str) -> LabelledImages:
    numbers = np.arange(len(pixels))
    names = tuple(f"{prefix}{number}.png" for number in numbers)
    return LabelledImages(pixels, 0 * numbers, numbers, names, ("a", "b"))


def held_out(near: bool = True) -> HeldOut:
    return HeldOut.of([("tuning set", images(TUNE, "u")), ("test set", images(TEST, "t"))], near)


def noisy(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [lambda x: x, noisy, lambda x: (x * 0.9).astype(np.uint8), lambda x: x[:, :, ::-1]],
    ids=["equal", "noisy", "darker", "mirrored"],
)
def test_what_shows_a_held_out_image_is_found(
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
) -> None:
    made = np.concatenate([OTHER[:5], change(TEST[6:9]), change(TUNE[9:10])])
    assert held_out().shown_by(made) == [(5, 36), (6, 37), (7, 38), (8, 9)]
    assert held_out().places[36] == "'t6.png' (test set)"
    assert held_out().places[9] == "'u9.png' (tuning set)"


def test_one_image_may_be_shown_many_times() -> None:
    made = noisy(np.repeat(TEST[:1], 6, axis=0))
    assert held_out().shown_by(made) == [(number, 30) for number in range(6)]


def test_other_images_show_none_of_them() -> None:
    assert held_out().shown_by(OTHER) == held_out().shown_by(OTHER[:0]) == []


def test_where_images_are_small_equal_ones_alone_are_found() -> None:
    made = np.concatenate([noisy(TEST[:3]), TEST[3:5]])
    assert held_out(near=False).shown_by(made) == [(3, 33), (4, 34)]


def test_an_image_without_contrast_shows_nothing() -> None:
    black = np.zeros_like(TEST[:2])
    found = HeldOut.of([("test set", images(black, "t"))], near=True)
    assert found.shown_by(black) == []


def test_patients_of_different_sets_are_different_ones() -> None:
    assert len(np.unique(held_out().groups)) == 60
