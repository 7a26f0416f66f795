"""Hostile images: damaged, lying about their size, of other kinds, with strange pixels."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from augsearch.controller.study import load_study
from augsearch.data.dataset import load_dataset
from augsearch.seeds import Seed
from hostile.arena import Case
from hostile.mutations import mutated

STUDY = """\
[images]
size = 8
channels = {channels}
intensity_range = {intensity}
on_bad_image = "{bad}"
max_pixels = {most}
preprocess = [{steps}]
[data]
kind = "folder"
path = "images"
[arms.real]
"""
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16")


@functools.cache
def saved(mode: str, size: tuple[int, int], kind: str, **options: Any) -> bytes:
    """Return an image file; one of another mode where the format has not this one."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    picture = Image.fromarray(pixels).convert("RGB" if mode != "I;16" else "I").convert(mode)
    file = io.BytesIO()
    try:
        picture.save(file, kind, **options)
    except (OSError, ValueError, KeyError):
        file = io.BytesIO()
        picture.convert("RGB").save(file, kind)
    return file.getvalue()


@functools.cache
def good_pictures() -> tuple[bytes, ...]:
    """Return whole images of many modes and formats."""
    made = [saved(mode, (12, 10), kind) for mode in _MODES for kind in ("PNG", "TIFF", "BMP")]
    made += [saved("RGB", (12, 10), "JPEG"), saved("L", (12, 10), "JPEG", progressive=True)]
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        mode = "1" if compression == "group4" else "L"
        made.append(saved(mode, (32, 32), "TIFF", compression=compression))
    turned = io.BytesIO()
    Image.new("RGB", (12, 10)).save(turned, "PNG", exif=_exif())
    made.append(turned.getvalue())
    made += [_tiff_of(np.random.default_rng(1).normal(size=(9, 9)).astype(np.float32))]
    return tuple(made)


def _exif() -> Any:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x9286] = b"x" * 100
    return exif


def _tiff_of(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    return file.getvalue()


def _png(width: int, height: int, depth: int, colour: int, data: bytes, *more: bytes) -> bytes:
    """Return a PNG whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


@functools.cache
def _zeros(count: int) -> bytes:
    squeezer = zlib.compressobj(9)
    parts = [squeezer.compress(bytes(2**20)) for _ in range(count >> 20)]
    return b"".join([*parts, squeezer.flush()])


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return small files that claim or hold very much."""
    huge = (2**31 - 1, 2**31 - 1)
    return (
        _png(*huge, 8, 2, _zeros(2**20)),
        _png(60_000, 60_000, 8, 0, _zeros(2**24)),
        _png(8_000, 8_000, 16, 2, _zeros(2**28)),
        _png(7_900, 7_900, 1, 0, _zeros(2**23)),
        _png(16, 16, 8, 0, _zeros(2**28)),
        _png(16, 16, 8, 0, zlib.compress(bytes(272)), chunk(b"zTXt", b"k\0\0" + _zeros(2**28))),
        _png(16, 16, 8, 0, zlib.compress(bytes(272)), chunk(b"iCCP", b"k\0\0" + _zeros(2**28))),
        _png(16, 16, 8, 0, zlib.compress(bytes(272)), *[chunk(b"tEXt", b"k\0v")] * 50_000),
        _png(16, 16, 8, 3, zlib.compress(bytes(272))),
        _png(0, 16, 8, 0, b""),
        _png(16, 16, 7, 9, b""),
        *(_many_frames(count) for count in (2, 1_000, 300_000)),
        _animated("PNG"),
        _animated("TIFF"),
        _animated("GIF"),
        _animated("WEBP"),
        b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 2**31, 0, 0, 54, 40, 30_000, -30_000, 1, 24, *[0] * 6),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 9, 0, 0, 54, 40, 9_000, 7_000, 1, 1, 1, *[0] * 5),
        b"GIF89a" + b"\xff" * 40,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n(touch code-was-run) system\n",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'/>",
        b"\x93NUMPY\x01\x00",
        b"",
        b"\0" * 4096,
    )


def _many_frames(count: int) -> bytes:
    """Return a TIFF of one pixel row and `count` directories that follow each other."""
    entries = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (278, 4, 1, 16), (279, 4, 1, 256)]
    first = 8 + 256
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    after = first + len(body) + 4
    more = b"".join(struct.pack("<HI", 0, after + 6 * (n + 1)) for n in range(count - 1))
    end = struct.pack("<HI", 0, 0)
    return (
        b"II*\0"
        + struct.pack("<I", first)
        + bytes(256)
        + body
        + struct.pack("<I", after)
        + more
        + end
    )


def _animated(kind: str) -> bytes:
    frames = [Image.new("L", (16, 16), grey) for grey in (0, 99, 200)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


@st.composite
def _floats(draw: st.DrawFn) -> bytes:
    """Return a TIFF of fractions, some of which are no numbers."""
    odd = st.sampled_from((np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -0.0, 0.5, 2.0))
    values = np.array(draw(st.lists(odd, min_size=81, max_size=81)), dtype=np.float32)
    return _tiff_of(values.reshape(9, 9))


@st.composite
def _any_png(draw: st.DrawFn) -> bytes:
    side = st.sampled_from((0, 1, 7, 8, 9, 16, 4096, 65_535, 2**31 - 1, 2**32 - 1))
    depth, colour = draw(st.sampled_from((1, 2, 4, 8, 16, 3))), draw(st.integers(0, 7))
    more = [
        chunk(
            draw(st.sampled_from((b"PLTE", b"tRNS", b"gAMA", b"eXIf", b"acTL", b"pHYs", b"sBIT"))),
            data,
        )
        for data in draw(st.lists(st.binary(max_size=30), max_size=2))
    ]
    return _png(draw(side), draw(side), depth, colour, zlib.compress(bytes(600)), *more)


def contents() -> st.SearchStrategy[bytes]:
    """Give the bytes of one image."""
    good = st.deferred(lambda: st.sampled_from(good_pictures()))
    changed = good.flatmap(mutated)
    return st.one_of(changed, changed, changed, good, _any_png(), _floats(), st.binary(max_size=64))


_NAMES = st.sampled_from(
    [
        *("x.png", "x.png", "x.png", "x.tif", "x.jpg", "x.bmp", "x.jpeg", "x.TIFF"),
        *(
            ".x.png",
            "a\nb.png",
            "a\x1b[31m.png",
            "$x^{$.png",
            "é.png",
            "x" * 240 + ".png",
            "=1+1.png",
        ),
    ]
)
_OPTIONS = st.fixed_dictionaries(
    {
        "channels": st.sampled_from((1, 3)),
        "intensity": st.sampled_from(
            ('"full"', '"image"', "[0, 4095]", "[-1e300, 1e300]", "[0, 1e-300]")
        ),
        "bad": st.sampled_from(("error", "skip")),
        "most": st.sampled_from((64, 10_000, 64_000_000, 64_000_000)),
        "steps": st.sampled_from(
            (
                "",
                '"normalise"',
                '"denoise"',
                '"crop"',
                '"normalise", "denoise", "crop"',
                '{step = "resize", size = 16}',
            )
        ),
    }
)
_BYTES_NAME = "\udcff\udcfe.png"
"""A file name that is no UTF-8."""


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give a study of two classes of good images with one or two hostile ones among them."""
    files = {f"images/{name}/{at}.png": _plain(at) for name in "ab" for at in range(2)}
    files["study.toml"] = STUDY.format(**draw(_OPTIONS)).encode()
    links: dict[str, str] = {}
    for _ in range(draw(st.integers(1, 2))):
        large = bulk and draw(st.integers(0, 40)) == 0
        content = draw(st.deferred(lambda: st.sampled_from(bombs())) if large else contents())
        files[f"images/{draw(st.sampled_from('ab'))}/{draw(_NAMES)}"] = content
    match draw(st.integers(0, 25)):
        case 0:
            links["images/a/link.png"] = draw(st.sampled_from(LINK_TARGETS))
        case 1:
            links["images/c"] = draw(st.sampled_from(("@OUTSIDE@", "..", ".", "/dev", "nowhere")))
        case 2:
            files[f"images/a/{_BYTES_NAME}"] = draw(st.sampled_from((_plain(0), b"")))
        case 3:
            files[f"images/{draw(st.sampled_from(CLASS_NAMES))}/x.png"] = _plain(1)
    return Case(files, links)


LINK_TARGETS = ("/dev/zero", "@OUTSIDE@/file.txt", "link.png", "/proc/self/mem", "nowhere", "..")
CLASS_NAMES = ("$x^{$", "<script>alert(1)</script>", "a\nb", "\udcff", "-", "=1+1", "a'b\"c", " ")


@functools.cache
def _plain(number: int) -> bytes:
    return saved("L", (8 + number, 8), "PNG")


def act(folder: Path) -> None:
    """List and decode the images of the study, as every command does first."""
    settings = load_study("study.toml").settings
    load_dataset(settings.data, settings.images, folder / "run" / "data", Seed.of(0))
