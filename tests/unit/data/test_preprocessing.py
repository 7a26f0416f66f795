from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label as connected
from skimage.measure import regionprops

from augsearch.data.dataset import load_dataset
from augsearch.data.decoding import fit_array
from augsearch.data.preprocessing import crop, denoise, luma, normalise, otsu, preprocess, resize
from augsearch.errors import DataError
from augsearch.events import Advanced, Event
from augsearch.seeds import Seed
from augsearch.study.schema.data import DemoData, Images


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def plane(values: Any) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def picture(*boxes: tuple[int, int, int, int, float]) -> NDArray[np.float32]:
    """Draw boxes (top, bottom, left, right, value) on 40 x 50 pixels of black."""
    drawn = np.zeros((40, 50), dtype=np.float32)
    for top, bottom, left, right, value in boxes:
        drawn[top:bottom, left:right] = value
    return drawn


def after(values: NDArray[Any], *steps: object, **options: object) -> NDArray[np.uint8]:
    images = Images.model_validate({"size": 40, "preprocess": list(steps)} | options)
    return fit_array(values, images)


# normalise


def test_normalising_stretches_from_the_smallest_to_the_largest_value() -> None:
    values = plane(rng().integers(1000, 3000, (20, 30)))
    expected = (values - values.min()) / (values.max() - values.min())
    np.testing.assert_allclose(normalise([values])[0], expected, rtol=1e-6)


def test_normalising_can_cut_the_extremes_off() -> None:
    values = plane(rng().normal(500, 100, (60, 50)))
    low, high = np.percentile(values, (2, 98))
    expected = np.clip((values - low) / (high - low), 0, 1)
    normal = normalise([values], cut=0.02)[0]
    np.testing.assert_allclose(normal, expected, rtol=1e-5, atol=1e-6)
    assert ((normal == 0).sum(), (normal == 1).sum()) == (60, 60)


def test_normalising_keeps_the_relation_of_colours() -> None:
    red, green, blue = (plane([[10, 20]]), plane([[30, 40]]), plane([[50, 60]]))
    stretched = np.stack(normalise([red, green, blue]))
    np.testing.assert_allclose(stretched.ravel(), [0, 0.2, 0.4, 0.6, 0.8, 1], rtol=1e-6)


def test_an_image_of_one_value_becomes_black() -> None:
    assert not normalise([np.full((9, 9), 77, np.float32)])[0].any()
    assert not normalise([np.full((9, 9), -7, np.float32)], cut=0.1)[0].any()


def test_normalising_keeps_the_precision_of_16_bits() -> None:
    values = 30_000 + np.arange(256, dtype=np.uint16).reshape(16, 16)
    pixels = after(values, "normalise", size=16)[..., 0]
    np.testing.assert_array_equal(pixels, np.arange(256).reshape(16, 16))


# denoise


@pytest.mark.parametrize("radius", range(1, 11))
def test_denoising_is_the_grey_opening_with_a_disk(radius: int) -> None:
    values = plane(rng().random((31, 45))) * 4095
    span = np.arange(-radius, radius + 1)
    disk = span[:, None] ** 2 + span**2 <= radius**2
    np.testing.assert_array_equal(
        denoise(values, radius), ndimage.grey_opening(values, footprint=disk)
    )


def test_denoising_removes_bright_specks_and_threads_and_leaves_the_rest() -> None:
    values = picture((5, 30, 5, 40, 100), (10, 12, 10, 12, 20))  # with a dark hole
    noisy = values.copy()
    noisy[2, 2] = noisy[35, 45] = 255  # specks
    noisy[20, 10:30] = 180  # a thread
    denoised = denoise(noisy, 1)
    corners = np.zeros_like(values, dtype=bool)
    corners[[5, 5, 29, 29], [5, 39, 5, 39]] = True  # a disk does not reach into them
    np.testing.assert_array_equal(denoised[~corners], values[~corners])
    assert not denoised[corners].any()


def test_a_mask_of_the_denoised_image_is_the_eroded_and_dilated_mask() -> None:
    values = plane(ndimage.gaussian_filter(rng().random((50, 50)), 1))
    threshold = float(np.median(values))
    mask = plane(values > threshold)
    np.testing.assert_array_equal(denoise(values, 2) > threshold, denoise(mask, 2) > 0)


# crop


def test_cropping_takes_the_box_of_the_largest_region() -> None:
    values = picture((3, 8, 3, 8, 255), (12, 34, 10, 29, 90))
    np.testing.assert_array_equal(crop([values], 0.18)[0], values[12:34, 10:29])


def test_the_holes_of_a_region_count_as_its_own() -> None:
    ring = [(10, 30, 5, 25, 200), (12, 28, 7, 23, 0)]  # 144 bright pixels enclose 256 dark ones
    block = (10, 25, 30, 45, 200)  # 225 bright pixels
    values = picture(*ring, block)
    np.testing.assert_array_equal(crop([values], 0.18)[0], values[10:30, 5:25])


def test_regions_connect_over_corners() -> None:
    values = picture((2, 12, 2, 12, 50), (12, 22, 12, 22, 50), (26, 39, 26, 39, 50))
    np.testing.assert_array_equal(crop([values], 0.18)[0], values[2:22, 2:22])


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_cropping_agrees_with_the_region_of_the_largest_filled_area(threshold: float) -> None:
    for seed in range(10):
        values = np.random.default_rng(seed).random((80, 90))
        values = plane(ndimage.gaussian_filter(values, 4) * 4095)
        mask = values > values.min() + threshold * (values.max() - values.min())
        largest = max(regionprops(connected(mask)), key=lambda region: region.area_filled)
        top, left, bottom, right = largest.bbox
        if min(bottom - top, right - left) >= 8:
            cut = crop([values], threshold)[0]
            np.testing.assert_array_equal(cut, values[top:bottom, left:right])


def test_otsus_threshold_parts_two_kinds_of_pixels() -> None:
    values = picture((5, 35, 5, 45, 60), (10, 30, 15, 35, 200))
    values += plane(rng().uniform(0, 20, values.shape))
    assert crop([values], "otsu")[0].shape == (20, 20)
    assert crop([values], 0.18)[0].shape == (30, 40)


@pytest.mark.parametrize("kind", ["noise", "blurred", "few values"])
def test_otsus_threshold_is_that_of_scikit_image(kind: str) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).random((60, 70))
        if kind == "blurred":
            values = ndimage.gaussian_filter(values, 3)
        if kind == "few values":
            values = np.rint(values * 4)
        grey = normalise([plane(values)])[0]
        assert np.float32(otsu(grey)) == threshold_otsu(grey)


def test_a_margin_is_kept_as_far_as_the_image_goes() -> None:
    values = picture((20, 40, 20, 30, 50))
    np.testing.assert_array_equal(crop([values], 0.5, 0.1)[0], values[18:40, 19:31])
    np.testing.assert_array_equal(crop([values], 0.5, 1.0)[0], values[0:40, 10:40])


def test_nothing_to_crop_leaves_the_image_whole() -> None:
    flat, tiny = np.full((40, 50), 9, np.float32), picture((3, 10, 3, 40, 9))
    for values in (flat, tiny):
        for threshold in ("otsu", 0.5):
            np.testing.assert_array_equal(crop([values], threshold)[0], values)
    assert crop([tiny], 0.5, margin=0.1)[0].shape == (9, 44)


def test_colours_are_cut_alike_where_their_luma_is_bright() -> None:
    green, blue = picture((5, 25, 5, 25, 255)), picture((0, 40, 0, 50, 255))
    cut = crop([np.zeros_like(green), green, blue], 0.2)
    assert [one.shape for one in cut] == [(20, 20)] * 3
    assert (cut[1] == 255).all()


def test_luma_is_that_of_pillow() -> None:
    colours = rng().integers(0, 256, (20, 20, 3), dtype=np.uint8)
    grey = luma([plane(colours[..., channel]) for channel in range(3)])
    np.testing.assert_array_equal(np.rint(grey), np.asarray(Image.fromarray(colours).convert("L")))


# resize


def test_area_averages_when_it_reduces_and_repeats_when_it_enlarges() -> None:
    values = plane(rng().random((32, 48)))
    means = values.reshape(8, 4, 8, 6).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(values, 8, "area"), means, rtol=1e-5)
    repeated = np.repeat(np.repeat(means, 3, axis=0), 3, axis=1)
    np.testing.assert_array_equal(resize(means, 24, "area"), repeated)


def test_bilinear_and_bicubic_agree_with_torchs() -> None:
    import torch

    values = plane(rng().random((37, 61)))
    for method in ("bilinear", "bicubic"):
        reference = torch.nn.functional.interpolate(
            torch.from_numpy(values)[None, None], (16, 16), mode=method, antialias=True
        )[0, 0]
        np.testing.assert_allclose(resize(values, 16, method), reference, atol=1e-5)


def test_the_last_resizing_has_its_method_too() -> None:
    values = rng().integers(0, 256, (32, 48), dtype=np.uint8)
    means = values.reshape(8, 4, 8, 6).mean(axis=(1, 3))
    for options in ({"resize": "area"}, {"preprocess": [{"step": "resize", "size": 8}]}):
        pixels = after(values, size=8, **options)[..., 0]
        assert (np.abs(pixels - means).max() <= 0.51) == ("resize" in options)
    step = {"step": "resize", "size": 8, "method": "area"}
    np.testing.assert_array_equal(after(values, step, size=8)[..., 0], np.rint(means))


# together


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(50, 70), (50, 70, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_steps_images_are_the_same_to_the_last_bit(
    dtype: type[Any], shape: tuple[int, ...], channels: int
) -> None:
    top = np.iinfo(dtype).max
    values = rng().integers(0, top, shape, dtype=dtype, endpoint=True)
    colours = (
        [values.astype(np.float32)] if values.ndim == 2 else list(plane(values).transpose(2, 0, 1))
    )
    if channels == 1 and len(colours) == 3:
        weights = np.float32([19595, 38470, 7471]) / np.float32(65536)
        colours = [weights[0] * colours[0] + weights[1] * colours[1] + weights[2] * colours[2]]
    small = [Image.fromarray(c).resize((24, 24), Image.Resampling.BICUBIC) for c in colours]
    expected = np.rint(np.clip(np.dstack(small) * (255.0 / top), 0, 255)).astype(np.uint8)
    pixels = fit_array(values, Images(size=24, channels=channels))
    np.testing.assert_array_equal(pixels, np.broadcast_to(expected, (24, 24, channels)))


def test_steps_are_done_in_their_order() -> None:
    values = picture((0, 5, 0, 5, 250), (10, 30, 15, 35, 100), (15, 25, 20, 30, 75)).astype(
        np.uint8
    )
    # What is brightest lies outside the box: cut off first, it does not count any more.
    late = after(values, "normalise", "crop", size=20)[..., 0]
    early = after(values, "crop", "normalise", size=20)[..., 0]
    assert set(np.unique(late)) == {round(75 / 250 * 255), round(100 / 250 * 255)}
    assert set(np.unique(early)) == {0, 255}


def test_the_published_order_of_steps() -> None:
    body = picture((8, 36, 9, 44, 100), (14, 30, 14, 38, 70)).astype(np.uint8)
    noisy = body.copy()
    noisy[0, ::4] = noisy[::4, 0] = 255
    steps = ("normalise", "denoise", "crop")
    pixels = after(noisy, *steps, size=32, resize="bilinear")
    box = denoise(plane(body), 1)[8:36, 9:44] / 255
    expected = np.asarray(Image.fromarray(box).resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(pixels[..., 0], np.rint(expected * 255))


def test_a_normalised_image_has_black_and_white_whatever_its_range() -> None:
    values = rng().integers(40, 60, (40, 40)).astype(np.uint8)
    for intensity_range in ("full", "image", [0, 200]):
        pixels = after(values, "normalise", intensity_range=intensity_range)
        assert (pixels.min(), pixels.max()) == (0, 255)


def test_values_outside_two_numbers_are_cut_off_before_the_steps() -> None:
    # Air, soft tissue and metal of a CT in a window of soft tissue.
    values = np.full((40, 40), -1000, np.int32)
    values[10:30, 10:30], values[10:30, 10:20], values[2, 2] = 40, 60, 3000
    window = {"intensity_range": [-160, 240]}
    grey = after(values, "crop", size=20, **window)[..., 0]
    assert set(np.unique(grey)) == {round(200 * 255 / 400), round(220 * 255 / 400)}
    stretched = after(values, "normalise", **window)[..., 0]
    assert set(np.unique(stretched)) == {0, round(200 * 255 / 400), round(220 * 255 / 400), 255}


def test_an_images_own_range_is_that_which_the_steps_leave() -> None:
    values = rng().integers(40, 60, (40, 40)).astype(np.uint8)
    smooth = ndimage.grey_opening(values, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
    values[20, 20] = 250
    pixels = after(values, "denoise", intensity_range="image")[..., 0]
    rest = np.ones_like(values, dtype=bool)
    rest[17:24, 17:24] = False
    stretched = (smooth - float(smooth.min())) * (255 / np.ptp(smooth))
    np.testing.assert_allclose(pixels[rest], stretched[rest], atol=0.51)


def test_no_step_touches_what_it_was_given() -> None:
    values = plane(rng().random((40, 50)))
    before = values.copy()
    steps = Images.model_validate({"preprocess": ["normalise", "denoise", "crop"]}).preprocess
    preprocess([values], (0.2, 0.8), steps)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_before_any_step(bad: float) -> None:
    values = rng().random((20, 20))
    values[3, 3] = bad
    with pytest.raises(DataError, match="NaN or infinite"):
        after(values, "normalise", "denoise", "crop")


def test_a_data_set_is_decoded_anew_with_other_steps(tmp_path: Path) -> None:
    def load(classes: tuple[str, ...] | None = None, **options: object) -> tuple[Any, bool]:
        events: list[Event] = []
        images = Images.model_validate({"size": 16} | options)
        data = DemoData(kind="demo", train=4, tune=4, test=4)
        folder = tmp_path / ("external" if classes else "own")
        seed = Seed.of(0)
        dataset = load_dataset(data, images, folder, seed, events.append, classes=classes)
        is_decoded = any(isinstance(event, Advanced) for event in events)
        return np.array(dataset.images.pixels), is_decoded

    plain, _ = load()
    for options in ({"preprocess": ["normalise"]}, {"resize": "area"}, {"preprocess": ["denoise"]}):
        _, is_decoded = load(**options)
        assert is_decoded
    _, is_decoded = load(preprocess=["denoise"])
    assert not is_decoded
    stretched, _ = load(preprocess=["normalise"])
    assert not np.array_equal(stretched, plain)
    external, _ = load(("clear", "fluid"), preprocess=["normalise"])
    for pixels in (stretched, external):
        assert (pixels.min(axis=(1, 2, 3)) == 0).all()
        assert (pixels.max(axis=(1, 2, 3)) == 255).all()
