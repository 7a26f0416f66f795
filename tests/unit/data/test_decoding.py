import io
import os
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.data import decoding
from augsearch.data.decoding import decode_image, fit_array
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

GREY = np.arange(24 * 24, dtype=np.int64).reshape(24, 24) * 7 % 256
GREY = GREY.astype(np.uint8)
COLOUR = np.stack([GREY, GREY.T, 255 - GREY], axis=-1)
DEEP = (np.arange(24 * 24, dtype=np.uint16) * 113).reshape(24, 24)


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def wanted(**options: object) -> Images:
    return Images(**({"size": 24} | options))


def raw_png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_grey_of_8_bits_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    pixels = decode_image(saved(tmp_path, Image.fromarray(GREY), name), wanted())
    assert pixels.dtype == np.uint8
    assert pixels.shape == (24, 24, 1)
    np.testing.assert_array_equal(pixels[..., 0], GREY)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_colour_is_kept_as_it_is(tmp_path: Path, name: str) -> None:
    pixels = decode_image(saved(tmp_path, Image.fromarray(COLOUR), name), wanted(channels=3))
    np.testing.assert_array_equal(pixels, COLOUR)


def test_jpeg_is_read_as_pillow_reads_it(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(COLOUR), "a.jpg", quality=90)
    with Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(decode_image(path, wanted(channels=3)), expected)


def test_colour_becomes_grey_by_itu_r_601(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(COLOUR), "a.png")
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))
    np.testing.assert_array_equal(decode_image(path, wanted())[..., 0], expected)


def test_grey_becomes_colour_by_repetition(tmp_path: Path) -> None:
    pixels = decode_image(saved(tmp_path, Image.fromarray(GREY), "a.png"), wanted(channels=3))
    np.testing.assert_array_equal(pixels, np.repeat(GREY[..., None], 3, axis=-1))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_the_full_range_of_16_bits_is_0_to_65535(tmp_path: Path, name: str) -> None:
    pixels = decode_image(saved(tmp_path, Image.fromarray(DEEP), name), wanted())
    np.testing.assert_array_equal(pixels[..., 0], np.rint(DEEP / 257.0))


def test_big_endian_tiff_is_read(tmp_path: Path) -> None:
    values = Image.new("I;16B", (24, 24))
    values.frombytes(DEEP.astype(">u2").tobytes())
    pixels = decode_image(saved(tmp_path, values, "a.tif"), wanted())
    np.testing.assert_array_equal(pixels[..., 0], np.rint(DEEP / 257.0))


def test_16_bits_keep_their_precision_inside_a_narrow_range(tmp_path: Path) -> None:
    values = 30_000 + np.arange(256, dtype=np.uint16).reshape(16, 16)
    path = saved(tmp_path, Image.fromarray(values), "a.png")
    pixels = decode_image(path, Images(size=16, intensity_range=(30_000, 30_255)))
    np.testing.assert_array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))


def test_each_image_can_have_its_own_range() -> None:
    values = np.linspace(100, 150, 64, dtype=np.float64).reshape(8, 8)
    pixels = fit_array(values, Images(size=8, intensity_range="image"))
    assert (pixels.min(), pixels.max()) == (0, 255)
    flat = fit_array(np.full((8, 8), 77, np.uint8), Images(size=8, intensity_range="image"))
    assert not flat.any()


def test_values_outside_a_given_range_are_cut_off() -> None:
    values = np.array([[0, 10, 20, 30, 40, 50, 60, 70]] * 8, dtype=np.uint8)
    pixels = fit_array(values, Images(size=8, intensity_range=(20, 50)))
    assert pixels[0, :, 0].tolist() == [0, 0, 0, 85, 170, 255, 255, 255]


def test_16_bit_colour_gives_its_upper_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (24, 24, 3), dtype=np.uint16)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(24, 24, 16, 2, lines))
    np.testing.assert_array_equal(decode_image(path, wanted(channels=3)), values >> 8)


def test_palette_bitmap_cmyk_and_alpha_are_read(tmp_path: Path) -> None:
    bits = saved(tmp_path, Image.fromarray(GREY > 99), "bits.png")
    np.testing.assert_array_equal(decode_image(bits, wanted())[..., 0], (GREY > 99) * 255)

    palette = Image.fromarray(COLOUR).quantize(16)
    path = saved(tmp_path, palette, "palette.png")
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(decode_image(path, wanted(channels=3)), expected)

    cmyk = Image.fromarray(COLOUR).convert("CMYK")
    path = saved(tmp_path, cmyk, "cmyk.tif")
    expected = np.asarray(cmyk.convert("RGB"))
    np.testing.assert_array_equal(decode_image(path, wanted(channels=3)), expected)


def test_transparent_pixels_lie_on_black(tmp_path: Path) -> None:
    alpha = np.full((24, 24), 128, np.uint8)
    alpha[:12] = 0
    path = saved(tmp_path, Image.fromarray(np.stack([GREY, alpha], -1)), "la.png")
    pixels = decode_image(path, wanted())[..., 0]
    assert not pixels[:12].any()
    np.testing.assert_allclose(pixels[12:], GREY[12:] * (128 / 255), atol=1)

    path = saved(tmp_path, Image.fromarray(np.dstack([COLOUR, alpha])), "rgba.png")
    np.testing.assert_allclose(
        decode_image(path, wanted(channels=3)), COLOUR * (alpha[..., None] / 255), atol=1
    )

    path = saved(tmp_path, Image.fromarray(GREY), "key.png", transparency=int(GREY[5, 5]))
    pixels = decode_image(path, wanted())[..., 0]
    np.testing.assert_array_equal(pixels, np.where(GREY[5, 5] == GREY, 0, GREY))


UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_images_are_turned_upright(tmp_path: Path, name: str, orientation: int) -> None:
    tags = Image.Exif()
    tags[274] = orientation
    path = saved(tmp_path, Image.fromarray(DEEP), name, exif=tags)
    pixels = decode_image(path, wanted(intensity_range=(0, 65535)))
    expected = np.rint(UPRIGHT[orientation](DEEP) / 257.0)
    np.testing.assert_array_equal(pixels[..., 0], expected)


def test_damaged_orientation_does_not_spoil_an_image(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(GREY), "a.jpg", exif=b"Exif\0\0nonsense")
    assert decode_image(path, wanted()).shape == (24, 24, 1)


def test_reducing_averages_instead_of_picking_pixels() -> None:
    fine = np.indices((128, 128)).sum(axis=0) % 2 * np.uint8(255)
    pixels = fit_array(fine.astype(np.uint8), Images(size=16))
    assert np.abs(pixels.astype(int) - 127.5).max() < 3


def test_resizing_agrees_with_torchs_anti_aliased_bicubic() -> None:
    import torch

    values = np.random.default_rng(1).random((37, 61), dtype=np.float32) * 0.5 + 0.25
    pixels = fit_array(values, Images(size=16))
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None, None], (16, 16), mode="bicubic", antialias=True
    )[0, 0]
    difference = pixels[..., 0].astype(float) - 255 * reference.numpy()
    assert np.abs(difference).max() <= 0.51


def refused(path: Path, images: Images, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_image(path, images)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
def test_truncated_files_are_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, Image.fromarray(COLOUR), name)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.8):
        path.write_bytes(whole[: int(len(whole) * share)])
        refused(path, wanted())


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("hello")
    refused(path, wanted(), "not a PNG, JPEG, TIFF or BMP")
    path.write_bytes(b"")
    refused(path, wanted(), "not a PNG, JPEG, TIFF or BMP")
    refused(saved(tmp_path, Image.fromarray(GREY), "a.gif"), wanted(), "not a PNG")
    refused(tmp_path, wanted(), "is a folder")
    refused(tmp_path / "none.png", wanted(), "does not exist")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    refused(tmp_path / "loop.png", wanted(), "symbolic link")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", wanted(), "not a regular file")


def test_the_header_alone_stops_a_decompression_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(raw_png(60_000, 60_000, 8, 0, b"none of the pixels"))
    refused(path, wanted(), "60000 x 60000", "images.max_pixels", "64000000")


def test_the_setting_alone_decides_how_many_pixels_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, Image.fromarray(GREY), "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert decode_image(path, wanted(max_pixels=576)).any()
    assert Image.MAX_IMAGE_PIXELS == 10
    refused(path, wanted(max_pixels=575), "576")


def test_small_images_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(GREY[:7]), "a.png")
    refused(path, wanted(), "24 x 7", "at least 8")
    assert decode_image(saved(tmp_path, Image.fromarray(GREY[:8]), "b.png"), wanted()).any()


def test_several_frames_are_refused(tmp_path: Path) -> None:
    first, second = Image.fromarray(GREY), Image.fromarray(GREY.T)
    path = saved(tmp_path, first, "a.tif", save_all=True, append_images=[second])
    refused(path, wanted(), "several frames")


def test_fractions_must_be_finite_and_within_0_to_1(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 576, dtype=np.float32).reshape(24, 24)
    path = saved(tmp_path, Image.fromarray(values), "a.tif")
    np.testing.assert_array_equal(decode_image(path, wanted())[..., 0], np.rint(values * 255))
    refused(saved(tmp_path, Image.fromarray(values * 9), "b.tif"), wanted(), "intensity_range")
    for bad in (np.nan, np.inf):
        values[3, 3] = bad
        path = saved(tmp_path, Image.fromarray(values), "c.tif")
        refused(path, wanted(intensity_range="image"), "NaN or infinite")


def test_wide_whole_numbers_need_a_range(tmp_path: Path) -> None:
    values = np.arange(-1000, -1000 + 576, dtype=np.int32).reshape(24, 24)
    path = saved(tmp_path, Image.fromarray(values), "a.tif")
    refused(path, wanted(), "-1000 to -425", "intensity_range")
    pixels = decode_image(path, wanted(intensity_range=(-1000, -745)))
    np.testing.assert_array_equal(pixels[..., 0], np.minimum(values + 1000, 255))


def test_inverted_16_bit_tiff_is_refused_and_8_bit_is_inverted(tmp_path: Path) -> None:
    inverted = {262: 0}
    path = saved(tmp_path, Image.fromarray(DEEP), "deep.tif", tiffinfo=inverted)
    refused(path, wanted(), "WhiteIsZero")
    path = saved(tmp_path, Image.fromarray(GREY), "flat.tif", tiffinfo=inverted)
    with Image.open(path) as picture:
        np.testing.assert_array_equal(decode_image(path, wanted())[..., 0], np.asarray(picture))


def test_frames_are_not_counted(tmp_path: Path) -> None:
    """A TIFF of 7 MB can hold a million of them, which take minutes to count."""
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "TIFF")
    content = bytearray(file.getvalue())
    start = int.from_bytes(content[4:8], "little")
    link = start + 2 + 12 * int.from_bytes(content[start : start + 2], "little")
    whole = bytes(content[start:link])
    for _ in range(40_000):
        content[link : link + 4] = len(content).to_bytes(4, "little")
        link = len(content) + len(whole)
        content += whole + bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    started = time.process_time()
    refused(tmp_path / "a.tif", wanted(), "several frames")
    assert time.process_time() - started < 2


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -3e38])
def test_values_that_overflow_are_refused(tmp_path: Path, pixel: float) -> None:
    values = np.full((9, 9), 0.5, dtype=np.float32)
    values[4, 4] = pixel
    path = saved(tmp_path, Image.fromarray(values), "a.tif")
    refused(path, wanted(intensity_range="image"), "NaN or infinite, or beyond 1e")


def test_a_range_too_narrow_to_stretch_is_black(tmp_path: Path) -> None:
    values = np.zeros((9, 9), dtype=np.float32)
    values[4, 4] = 1e-45
    path = saved(tmp_path, Image.fromarray(values), "a.tif")
    assert not decode_image(path, wanted(intensity_range="image")).any()


def test_float16_is_read_without_a_warning() -> None:
    """The largest value that an image may have is beyond all float16."""
    values = np.linspace(0, 1, 64, dtype=np.float16).reshape(8, 8)
    made = fit_array(values, wanted(size=8))
    assert made[0, 0, 0] == 0
    assert made[-1, -1, 0] == 255
    with pytest.raises(DataError, match="NaN or infinite"):
        fit_array(np.full((8, 8), np.inf, dtype=np.float16), wanted(size=8))


@pytest.mark.parametrize(("max_pixels", "most"), [(300, 1), (600, 2)])
def test_images_at_a_time_have_no_more_pixels_than_one_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_pixels: int, most: int
) -> None:
    inside: set[int] = set()
    peak: list[int] = []
    together = threading.Barrier(most)

    def fit(values: object, images: Images) -> np.ndarray:
        inside.add(threading.get_ident())
        peak.append(len(inside))
        together.wait(30)  # as many as there is room for are here at once
        time.sleep(0.005)
        inside.remove(threading.get_ident())
        return np.zeros((8, 8, 1), dtype=np.uint8)

    monkeypatch.setattr(decoding, "fit_array", fit)
    Image.new("L", (16, 16)).save(tmp_path / "x.png")
    images = Images(size=8, channels=1, max_pixels=max_pixels)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: decode_image(tmp_path / "x.png", images), range(8)))
    assert max(peak) == most


def test_an_image_that_cannot_be_used_gives_its_room_back(tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)).save(
        whole, "PNG"
    )
    (tmp_path / "x.png").write_bytes(whole.getvalue()[:200])
    for _ in range(3):
        with pytest.raises(DataError, match="truncated or damaged"):
            decode_image(tmp_path / "x.png", Images(size=8, channels=1, max_pixels=300))
