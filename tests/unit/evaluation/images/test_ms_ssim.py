from itertools import combinations

import numpy as np
import pytest
import pytorch_msssim
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate, gaussian_filter
from scipy.signal import convolve2d

from augsearch.evaluation.images import ms_ssim as module
from augsearch.evaluation.images.ms_ssim import (
    WEIGHTS,
    Spread,
    ms_ssim,
    ms_ssim_along,
    n_scales,
    within_class_ms_ssim,
)
from augsearch.seeds import Seed

Pixels = NDArray[np.uint8]


def _images(n: int, height: int, width: int, channels: int) -> Pixels:
    """Return images with structure at several scales, half of it shared."""
    generator = Seed.of(height, width, channels).generator()
    shape = (n + 1, height, width, channels)
    parts = [
        scale * 40 * gaussian_filter(generator.normal(size=shape), (0, scale, scale, 0))
        for scale in (1, 3, 9)
    ]
    waves = np.sum(parts, axis=0)
    return np.clip(128 + waves[1:] + waves[:1], 0, 255).astype(np.uint8)


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).double()


@pytest.mark.parametrize(("height", "width", "channels"), [(176, 192, 1), (176, 176, 3)])
def test_five_scales_equal_a_published_implementation(
    height: int, width: int, channels: int
) -> None:
    first, second = _images(6, height, width, channels).reshape(2, 3, height, width, channels)
    expected = pytorch_msssim.ms_ssim(
        _tensor(first), _tensor(second), data_range=255, size_average=False
    )
    np.testing.assert_allclose(ms_ssim(first, second), expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("side", [11, 20])
def test_one_scale_is_the_plain_ssim_of_a_published_implementation(side: int) -> None:
    first, second = _images(8, side, side, 3).reshape(2, 4, side, side, 3)
    expected = pytorch_msssim.ssim(
        _tensor(first), _tensor(second), data_range=255, size_average=False, nonnegative_ssim=True
    )
    assert n_scales(side, side) == 1
    np.testing.assert_allclose(ms_ssim(first, second), expected.numpy(), atol=1e-4)


def _published(first: Pixels, second: Pixels, window: NDArray[np.float64], scales: int) -> float:
    """Follow Wang's MATLAB code step by step, for one pair of grey images."""
    a, b = first.astype(float), second.astype(float)
    value = 1.0
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    for scale, weight in enumerate(weights):
        mean_a, mean_b, aa, bb, ab = (
            convolve2d(x, window, mode="valid") for x in (a, b, a * a, b * b, a * b)
        )
        term = (2 * (ab - mean_a * mean_b) + 58.5225) / (aa - mean_a**2 + bb - mean_b**2 + 58.5225)
        if scale == scales - 1:
            term *= (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
        value *= max(term.mean(), 0) ** weight
        a, b = (
            correlate(x, np.full((2, 2), 0.25), mode="reflect", origin=(-1, -1))[::2, ::2]
            for x in (a, b)
        )
    return float(value)


@pytest.mark.parametrize(("height", "width", "scales"), [(45, 63, 3), (101, 83, 4), (21, 30, 2)])
def test_odd_sides_and_fewer_scales_equal_plain_steps(height: int, width: int, scales: int) -> None:
    places = np.arange(11) - 5
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * 1.5**2))
    first, second = _images(2, height, width, 1)
    expected = _published(first[..., 0], second[..., 0], window / window.sum(), scales)
    assert n_scales(height, width) == scales
    assert ms_ssim(first[None], second[None]) == pytest.approx(expected, abs=1e-12)


def test_images_below_the_window_get_a_window_of_their_side() -> None:
    places = np.arange(8) - 3.5
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * (1.5 * 8 / 11) ** 2))
    first, second = _images(2, 8, 10, 1)
    expected = _published(first[..., 0], second[..., 0], window / window.sum(), 1)
    assert ms_ssim(first[None], second[None]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("scales", "sides"),
    [
        (1, (1, 20)),
        (2, (21, 32, 40)),
        (3, (41, 56, 64, 80)),
        (4, (81, 112, 128, 160)),
        (5, (161, 224, 1024)),
    ],
)
def test_number_of_scales(scales: int, sides: tuple[int, ...]) -> None:
    for side in sides:
        assert n_scales(side, side) == n_scales(side, 2048) == n_scales(2048, side) == scales


def test_opposite_structure_counts_as_zero() -> None:
    [image] = _images(1, 64, 64, 1)
    assert ms_ssim(image[None], 255 - image[None]).tolist() == [0.0]


def test_flat_images_are_numbers() -> None:
    black, white = np.zeros((1, 24, 24, 1), np.uint8), np.full((1, 24, 24, 1), 255, np.uint8)
    assert ms_ssim(black, black).tolist() == [1.0]
    assert 0 < ms_ssim(black, white)[0] < 0.01


def test_blocks_do_not_change_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _images(10, 24, 30, 3).reshape(2, 5, 24, 30, 3)
    whole = ms_ssim(first, second)
    monkeypatch.setattr(module, "_BLOCK_VALUES", 2 * 24 * 30 * 3)
    np.testing.assert_array_equal(ms_ssim(first, second), whole)
    assert ms_ssim(first[:0], second[:0]).shape == (0,)


def test_all_pairs_are_taken_if_there_are_not_more() -> None:
    pixels = _images(6, 24, 24, 1)
    pairs = [ms_ssim(pixels[[i]], pixels[[j]])[0] for i, j in combinations(range(6), 2)]
    for n_pairs in (15, 100):
        found = within_class_ms_ssim(pixels, Seed.of(0), n_pairs)
        assert (found.n_pairs, found.scales) == (15, 2)
        assert found.mean == pytest.approx(np.mean(pairs))
        assert found.sd == pytest.approx(np.std(pairs, ddof=1))


def test_one_pair_has_no_spread() -> None:
    pixels = _images(2, 24, 24, 1)
    value = ms_ssim(pixels[:1], pixels[1:])[0]
    assert within_class_ms_ssim(pixels, Seed.of(0)) == Spread(pytest.approx(value), 0.0, 1, 2)


def test_a_collapsed_class_is_told_from_a_varied_one() -> None:
    varied = _images(20, 24, 24, 1)
    collapsed = within_class_ms_ssim(np.repeat(varied[:1], 20, axis=0), Seed.of(0))
    assert (collapsed.mean, collapsed.sd, collapsed.n_pairs) == (pytest.approx(1), 0, 100)
    assert within_class_ms_ssim(varied, Seed.of(0)).mean < 0.9


def test_an_amount_does_not_depend_on_the_others() -> None:
    pixels = _images(40, 16, 16, 1)
    alone = ms_ssim_along(pixels[:30], [30], Seed.of(1), 20)
    [first, second, third] = ms_ssim_along(pixels, [16, 30, 40], Seed.of(1), 20)
    assert (second,) == alone
    assert len({first.mean, second.mean, third.mean}) == 3
    assert ms_ssim_along(pixels, [30], Seed.of(2), 20) != alone
    assert ms_ssim_along(pixels, [], Seed.of(1)) == ()


@pytest.mark.parametrize("amount", [0, 1, 41])
def test_refuses_amounts_that_there_are_not(amount: int) -> None:
    with pytest.raises(ValueError, match=f"between 2 and the 40 images there are but got {amount}"):
        ms_ssim_along(_images(40, 16, 16, 1), [2, amount], Seed.of(0))


def test_refuses_what_has_no_pairs() -> None:
    pixels = _images(2, 16, 16, 1)
    with pytest.raises(ValueError, match="got 1 images and n_pairs 100"):
        within_class_ms_ssim(pixels[:1], Seed.of(0))
    with pytest.raises(ValueError, match="got 2 images and n_pairs 0"):
        within_class_ms_ssim(pixels, Seed.of(0), 0)


def test_refuses_other_types_and_shapes() -> None:
    pixels = _images(2, 16, 16, 1)
    with pytest.raises(ValueError, match=r"but are float64 \(2, 16, 16, 1\)"):
        ms_ssim(pixels.astype(float), pixels)
    with pytest.raises(ValueError, match=r"but are uint8 \(2, 16, 16\)"):
        within_class_ms_ssim(pixels[..., 0], Seed.of(0))
    with pytest.raises(ValueError, match=r"got \(2, 16, 16, 1\) and \(1, 16, 16, 1\)"):
        ms_ssim(pixels, pixels[:1])
