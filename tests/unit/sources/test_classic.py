import time

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage
from torchvision.transforms.v2 import functional

from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.classic import DRAWS, Classic, augment
from augsearch.study.schema.sources import ClassicOptions
from augsearch.testing.images import toy_images

STILL = {"horizontal_flip": False, "degrees": 0.0}
UP, DOWN, ANGLE, RIGHT, ZOOM, BRIGHTNESS, CONTRAST, SATURATION = 1, 3, 2, 4, 5, 6, 7, 8


def options(**changes):
    return ClassicOptions(kind="classic", **(STILL | changes))


def draws(**values):
    drawn = np.full((1, DRAWS), 0.5)
    for place, value in values.items():
        drawn[0, globals()[place.upper()]] = value
    return drawn


def smooth_picture(size=48):
    """A smooth scene without symmetry, so that two resamplers agree to about a grey value."""
    row, column = np.mgrid[:size, :size] / size
    values = 120 + 60 * np.sin(4 * row + 1) + 50 * np.cos(5 * column + 2 * row)
    return np.clip(values, 0, 255).astype(np.uint8)


def classic(train, seed=0, **changes):
    context = FitContext("classic", 0, Seed.of(seed), folder=None)
    return Classic(options(**changes)).fit(train, context)


def test_without_any_change_the_images_are_the_real_ones():
    pixels = toy_images().pixels
    assert np.array_equal(augment(pixels, np.zeros((8, DRAWS)), options()), pixels)


def test_flips_are_exact_and_half_of_the_images_are_flipped():
    train = toy_images((1, 1))
    original = train.pixels[0]
    images = classic(train, horizontal_flip=True, vertical_flip=True).images(0, 0, 1000)
    wanted = [original, original[:, ::-1], original[::-1], original[::-1, ::-1]]
    shares = [np.mean([np.array_equal(image, one) for image in images]) for one in wanted]
    assert sum(shares) == pytest.approx(1)
    assert all(0.2 < share < 0.3 for share in shares)


@pytest.mark.parametrize("angle", [-10.0, 7.0, 90.0])
def test_rotation_agrees_with_pillow_inside_the_image(angle):
    picture = smooth_picture()
    turned = augment(picture[None, ..., None], draws(angle=angle / 180), options(degrees=180))
    reference = np.asarray(Image.fromarray(picture).rotate(angle, Image.Resampling.BILINEAR))
    inside = slice(10, -10)
    difference = turned[0, inside, inside, 0].astype(int) - reference[inside, inside]
    assert np.abs(difference).max() <= 1


def test_shift_and_zoom_agree_with_pillow_inside_the_image():
    picture = smooth_picture()
    moved = augment(
        picture[None, ..., None],
        draws(down=0.5, right=-1.0, zoom=1.0),
        options(translate=0.125, scale=0.2),
    )
    down, right, zoom, centre = 3, -6, 1.2, 24
    inverse = (1 / zoom, 0, centre - (centre + right) / zoom)
    inverse += (0, 1 / zoom, centre - (centre + down) / zoom)
    reference = Image.fromarray(picture).transform(
        (48, 48), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR
    )
    inside = slice(10, -10)
    difference = moved[0, inside, inside, 0].astype(int) - np.asarray(reference)[inside, inside]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("draw", [-1.0, 0.7])
def test_brightness_and_contrast_agree_with_pillow(channels, draw):
    pixels = toy_images((3, 3), channels=channels).pixels
    for place, enhance in (
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
    ):
        changed = augment(
            pixels, np.repeat(draws(**{place: draw}), 6, axis=0), options(**{place: 0.5})
        )
        for image, original in zip(changed, pixels, strict=True):
            picture = Image.fromarray(original.squeeze())
            reference = np.asarray(enhance(picture).enhance(1 + 0.5 * draw))
            assert np.abs(image.squeeze().astype(int) - reference).max() <= 1


@pytest.mark.parametrize("draw", [-1.0, -0.3, 0.8])
def test_saturation_and_ranges_of_factors_agree_with_pillow(draw):
    pixels = toy_images((3, 3), channels=3).pixels
    drawn = np.repeat(draws(saturation=draw), 6, axis=0)
    changed = augment(pixels, drawn, options(saturation=[0.7, 0.9]))
    for image, original in zip(changed, pixels, strict=True):
        reference = ImageEnhance.Color(Image.fromarray(original)).enhance(0.8 + 0.1 * draw)
        assert np.abs(image.astype(int) - np.asarray(reference)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_changes_of_light_in_a_row_agree_with_torchvision(channels):
    pixels = Seed.of(3).generator().integers(0, 256, (4, 20, 20, channels), dtype=np.uint8)
    drawn = np.repeat(draws(brightness=0.6, contrast=0.9, saturation=-0.8), 4, axis=0)
    changed = augment(pixels, drawn, options(brightness=0.5, contrast=0.5, saturation=0.5))
    reference = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    reference = functional.adjust_brightness(reference, 1.3)
    reference = functional.adjust_contrast(reference, 1.45)
    reference = functional.adjust_saturation(reference, 0.6)
    difference = changed - 255 * reference.permute(0, 2, 3, 1).numpy()
    assert np.abs(difference).max() < 0.51


def test_grey_images_have_no_saturation_to_change():
    grey = toy_images((3, 3)).pixels
    drawn = np.repeat(draws(saturation=0.5), 6, axis=0)
    assert np.array_equal(augment(grey, drawn, options(saturation=0.5)), grey)


@pytest.mark.parametrize("shape", [(17, 24, 3), (31, 8, 1)])
def test_rotation_shift_and_zoom_agree_with_scipy_up_to_the_mirrored_edges(shape):
    pixels = Seed.of(1).generator().integers(0, 256, (4, *shape), dtype=np.uint8)
    drawn = Seed.of(2).generator().uniform(-1, 1, (4, DRAWS))
    moved = augment(pixels, drawn, options(degrees=60, translate=0.4, scale=0.3))
    centre = (np.array(shape[:2]) - 1) / 2
    for image, original, draw in zip(moved, pixels, drawn, strict=True):
        angle = np.deg2rad(60 * draw[ANGLE])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = turn / (1 + 0.3 * draw[ZOOM])
        offset = centre - matrix @ (centre + 0.4 * draw[DOWN : RIGHT + 1] * shape[:2])
        for channel in range(shape[2]):
            reference = ndimage.affine_transform(
                original[..., channel].astype(float), matrix, offset, order=1, mode="reflect"
            )
            assert np.abs(image[..., channel] - reference).max() < 0.51


def test_an_image_does_not_depend_on_those_beside_it_or_on_the_threads():
    pixels = Seed.of(1).generator().integers(0, 256, (150, 20, 23, 3), dtype=np.uint8)
    drawn = Seed.of(2).generator().uniform(-1, 1, (150, DRAWS))
    change = options(degrees=20, scale=0.2, brightness=0.2, contrast=0.3, saturation=0.3)
    together = augment(pixels, drawn, change)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 if threads == 1 else 1)
        alone = [augment(pixels[i : i + 1], drawn[i : i + 1], change) for i in range(150)]
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(np.concatenate(alone), together)


def test_a_flat_image_stays_flat_when_it_is_turned_shifted_and_zoomed():
    flat = np.full((20, 24, 24, 3), 200, dtype=np.uint8)
    drawn = Seed.of(0).generator().uniform(-1, 1, (20, DRAWS))
    assert np.array_equal(augment(flat, drawn, options(degrees=45, translate=0.3, scale=0.3)), flat)


def test_switching_one_change_on_leaves_the_others_as_they_were():
    train = toy_images((4, 4))
    flipped = classic(train, horizontal_flip=True).images(0, 0, 20)
    brighter = classic(train, horizontal_flip=True, brightness=0.2).images(0, 0, 20)
    factors = brighter.mean(axis=(1, 2, 3)) / flipped.mean(axis=(1, 2, 3))
    assert np.ptp(factors) > 0.1
    for image, original, factor in zip(brighter, flipped, factors, strict=True):
        assert np.abs(image - factor * original.astype(float)).max() < 1.5


def test_training_images_are_taken_equally_often():
    train = toy_images((5, 3))
    images = classic(train, horizontal_flip=True).images(1, 0, 30)
    for original in train.pixels[5:]:
        alike = [original, original[:, ::-1]]
        assert sum(any(np.array_equal(i, one) for one in alike) for i in images) == 10


def test_other_seeds_give_other_images():
    train = toy_images()
    first, second = (classic(train, seed, degrees=10).images(0, 0, 5) for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_a_thousand_images_take_about_a_second():
    pool = classic(toy_images((50, 50), size=64), degrees=10, scale=0.1, contrast=0.1)
    pool.images(0, 0, 1)
    started = time.process_time()
    pool.images(0, 0, 1000)
    assert time.process_time() - started < 4  # 0.3 s on an idle core
