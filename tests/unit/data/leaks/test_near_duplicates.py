import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal.windows import tukey

from augsearch.data.decoding import decode_image
from augsearch.data.demo import draw_demo
from augsearch.data.leaks.near_duplicates import Pair, Signatures, fading_window, near_duplicates
from augsearch.seeds import Seed
from augsearch.study.schema.data import Images

RADIOGRAPHS = Path(__file__).parents[5] / "shared" / "data" / "nih-cxr" / "images"
SIZE = 192
COUNT = 40
HOME = draw_demo(COUNT, size=SIZE, channels=1, seed=Seed.of(0)).pixels


def textured() -> np.ndarray:
    """Add to each drawing structure of its own at several scales, as anatomy has."""
    rng = np.random.default_rng(0)
    images = []
    for image in HOME[..., 0]:
        structure = sum(
            np.asarray(
                Image.fromarray(rng.normal(size=(side, side)).astype(np.float32)).resize(
                    (SIZE, SIZE), Image.Resampling.BICUBIC
                )
            )
            for side in (6, 12, 24)
        )
        images.append(np.clip(image * 0.8 + 15 * structure + 20, 0, 255).astype(np.uint8))
    return np.stack(images)


SCENES = textured()


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file)


def shift(image: Image.Image, pixels: int) -> Image.Image:
    padded = np.pad(np.asarray(image), ((pixels, 0), (pixels, 0)), mode="edge")
    return Image.fromarray(padded[: image.height, : image.width])


def crop(image: Image.Image, share: float) -> Image.Image:
    edge = round(image.width * share / 2)
    return image.crop((edge, edge, image.width - edge, image.height - edge))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "identical": lambda image: image,
    "jpeg": jpeg,
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: image.point(lambda value: value * 1.1),
    "darker": lambda image: image.point(lambda value: value * 0.9),
    "shift 1": lambda image: shift(image, 1),
    "shift 2": lambda image: shift(image, 2),
    "crop 3 %": lambda image: crop(image, 0.03),
    "crop 6 %": lambda image: crop(image, 0.06),
    "crop 10 %": lambda image: crop(image, 0.1),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "mirrored, darker jpeg": lambda image: jpeg(
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).point(lambda value: value * 0.9)
    ),
}


def changed(images: np.ndarray, name: str) -> np.ndarray:
    size = images.shape[1:3]
    copies = (COPIES[name](Image.fromarray(image)).resize(size) for image in images)
    return np.stack([np.asarray(copy) for copy in copies])


def found(*images: np.ndarray, groups: np.ndarray | None = None) -> list[Pair]:
    pixels = np.concatenate(images)[..., None]
    chosen = np.arange(len(pixels)) if groups is None else groups
    return near_duplicates(Signatures.of(pixels), chosen)


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_nothing_else(name: str) -> None:
    pairs = found(SCENES, changed(SCENES[:10], name))
    assert [pair[:2] for pair in pairs] == [(row, COUNT + row) for row in range(10)]
    assert {pair.is_mirrored for pair in pairs} == {name.startswith("mirrored")}
    assert all(0.84 <= pair.similarity <= 1 for pair in pairs)


def test_different_images_are_none() -> None:
    assert found(SCENES) == []
    assert found(SCENES[:1]) == []
    for size in (24, 32, 64):
        images = draw_demo(300, size=size, channels=1, seed=Seed.of(1))
        assert near_duplicates(Signatures.of(images.pixels), images.groups) == []


def test_all_copies_of_one_image_are_found() -> None:
    names = ["jpeg", "half", "brighter", "shift 1", "mirrored", "crop 6 %"]
    pairs = found(SCENES, *(changed(SCENES[:1], name) for name in names))
    rows = [0, *range(COUNT, COUNT + len(names))]
    assert {pair[:2] for pair in pairs} == {
        (one, other) for one in rows for other in rows if one < other
    }


def test_every_image_may_have_a_copy() -> None:
    pairs = found(SCENES, changed(SCENES, "crop 6 %"))
    assert [pair[:2] for pair in pairs] == [(row, COUNT + row) for row in range(COUNT)]


def test_images_of_one_group_are_left_out() -> None:
    groups = np.concatenate([np.arange(COUNT), np.arange(10), [99]])
    pairs = found(SCENES, SCENES[:10], SCENES[3:4], groups=groups)
    assert [pair[:2] for pair in pairs] == [(3, COUNT + 10), (COUNT + 3, COUNT + 10)]


def test_what_is_alike_among_alike_images_is_no_copy() -> None:
    """The same pair is told by its difference in one set, and lost among likenesses in another."""
    rng = np.random.default_rng(0)

    def variants(count: int, noise: float) -> np.ndarray:
        grain = rng.normal(0, noise, (count, SIZE // 6, SIZE // 6)).repeat(6, 1).repeat(6, 2)
        return np.clip(SCENES[0] + grain, 0, 255).astype(np.uint8)

    pair = variants(2, 6)
    assert [one[:2] for one in found(SCENES[1:], pair)] == [(COUNT - 1, COUNT)]
    assert 0.8 < found(SCENES[1:], pair)[0].similarity < 0.97
    slowly_worse = [variants(1, noise) for noise in np.linspace(6.5, 12, 18)]
    assert found(SCENES[1:], pair, *slowly_worse) == []


def test_colour_and_size_do_not_matter() -> None:
    colour = np.repeat(SCENES[..., None], 3, axis=3)
    grey = Signatures.of(SCENES[..., None])
    np.testing.assert_allclose(Signatures.of(colour).details, grey.details, atol=1e-6)
    smaller = np.stack([np.asarray(Image.fromarray(one).resize((96, 96))) for one in SCENES])
    joined = grey.join(Signatures.of(smaller[..., None]))
    assert len(near_duplicates(joined, np.arange(2 * COUNT))) == COUNT


def lesions(count: int, size: int) -> np.ndarray:
    """Draw smooth ellipses in colours of skin: nothing but a soft outline tells them apart."""
    rng = np.random.default_rng(0)
    one = (count, 1, 1)
    grid = (np.arange(size) + 0.5) * (2 / size) - 1
    x, y = grid - rng.normal(0, 0.1, one), grid[:, None] - rng.normal(0, 0.1, one)
    angle, ratio = rng.uniform(0, np.pi, one), rng.uniform(1, 1.5, one)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    outside = np.hypot(along, ratio * across) - rng.uniform(0.3, 0.6, one)
    share = (0.5 - 0.5 * np.tanh(outside / rng.uniform(0.05, 0.2, one)))[..., None]
    skin = np.array([215, 175, 155]) + rng.normal(0, 8, (count, 1, 1, 3))
    spot = np.array([140, 90, 75]) + rng.normal(0, 20, (count, 1, 1, 3))
    return np.rint(np.clip(skin * (1 - share) + spot * share, 0, 255)).astype(np.uint8)


def test_smooth_images_are_told_apart_by_colour() -> None:
    """By their fine detail alone, more than a hundred pairs are as alike as copies are."""
    images = lesions(450, 32)
    copies = [changed(images[:20], name) for name in ("darker", "mirrored", "crop 6 %")]
    pixels = np.concatenate([images, *copies])
    rows = [pair[:2] for pair in near_duplicates(Signatures.of(pixels), np.arange(len(pixels)))]
    assert {(row, 450 + 20 * copy + row) for row in range(20) for copy in range(3)} <= set(rows)
    assert sum(other < 450 for _, other in rows) < 10


@pytest.mark.skipif(not RADIOGRAPHS.is_dir(), reason="needs the chest radiographs, nih-cxr")
def test_radiographs_of_different_patients_are_no_copies() -> None:
    files = sorted(RADIOGRAPHS.iterdir())[:300]
    images = np.stack([decode_image(file, Images(size=64)) for file in files])[..., 0]
    assert found(images) == []
    pairs = found(images, changed(images[:100], "crop 3 %"))
    assert [pair[:2] for pair in pairs] == [(row, 300 + row) for row in range(100)]


@pytest.mark.parametrize(("size", "share"), [(32, 0.3), (31, 0.5), (7, 1.0)])
def test_the_border_fades_like_tukeys_window(size: int, share: float) -> None:
    assert fading_window(size, share) == pytest.approx(tukey(size, share), abs=1e-12)
