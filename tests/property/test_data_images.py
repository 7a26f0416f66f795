import io
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from augsearch.data.decoding import decode_image, fit_array
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

DTYPES = st.sampled_from([np.dtype("u1"), np.dtype("u2"), np.dtype(">u2"), np.dtype("f4")])
SHAPES = st.tuples(st.integers(8, 40), st.integers(8, 40)) | st.tuples(
    st.integers(8, 40), st.integers(8, 40), st.just(3)
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        SHAPES,
        elements=st.floats(0, 1, width=32) if dtype.kind == "f" else None,
        fill=st.just(0),
    )
)


@settings(max_examples=100)
@given(ARRAYS, st.integers(8, 48), st.sampled_from([1, 3]), st.sampled_from(["full", "image"]))
def test_any_image_becomes_bytes_of_the_size_asked_for(
    values: np.ndarray, size: int, channels: int, intensity_range: str
) -> None:
    images = Images(size=size, channels=channels, intensity_range=intensity_range)
    pixels = fit_array(values, images)
    assert pixels.shape == (size, size, channels)
    assert pixels.dtype == np.uint8
    if values.ndim == 2:
        assert (pixels == pixels[..., :1]).all()


@settings(max_examples=60)
@given(st.integers(0, 255), SHAPES, st.integers(8, 48), st.sampled_from([1, 3]))
def test_a_flat_image_stays_flat(
    value: int, shape: tuple[int, ...], size: int, channels: int
) -> None:
    images = Images(size=size, channels=channels)
    assert (fit_array(np.full(shape, value, np.uint8), images) == value).all()
    deep = np.full(shape, value * 257, np.uint16)
    assert (fit_array(deep, images) == value).all()


@settings(max_examples=60)
@given(hnp.arrays(np.uint8, (16, 16)), st.integers(1, 200), st.integers(0, 1000))
def test_an_image_of_its_own_range_does_not_depend_on_gain_and_offset(
    values: np.ndarray, gain: int, offset: int
) -> None:
    images = Images(size=8, intensity_range="image")
    other = values.astype(np.uint16) * gain + offset
    difference = fit_array(values, images).astype(int) - fit_array(other, images)
    assert np.abs(difference).max() <= 1


FILES = {
    "png": ("PNG", {}),
    "jpg": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "bmp": ("BMP", {}),
    "tif": ("TIFF", {}),
    "lzw": ("TIFF", {"compression": "tiff_lzw"}),
}


@settings(max_examples=150)
@given(st.sampled_from(sorted(FILES)), st.floats(0, 1), st.integers(0, 3))
def test_a_cut_file_is_refused_or_complete(kind: str, share: float, seed: int) -> None:
    colours = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    form, options = FILES[kind]
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, form, **options)
    whole = buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(whole)
        images = Images(size=24, channels=3)
        expected = decode_image(path, images)
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            pixels = decode_image(path, images)
        except DataError as error:
            assert str(error).startswith(f"{path}: ")
            return
    np.testing.assert_array_equal(pixels, expected)
