import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from augsearch.data.decoding import fit_array
from augsearch.data.preprocessing import crop, denoise, luma, normalise, preprocess, resize
from augsearch.study.schema.data import Images

SIDES = st.integers(8, 40)
SHAPES = st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, st.just(3))
DTYPES = st.sampled_from([np.dtype("u1"), np.dtype("u2"), np.dtype("f4")])
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        SHAPES,
        elements=st.floats(0, 1, width=32) if dtype.kind == "f" else None,
        fill=st.just(0),
    )
)
METHODS = st.sampled_from(["bicubic", "bilinear", "area"])
STEPS = st.lists(
    st.sampled_from(["normalise", "denoise", "crop"])
    | st.builds(lambda cut: {"step": "normalise", "cut": cut}, st.floats(0, 0.49))
    | st.builds(lambda radius: {"step": "denoise", "radius": radius}, st.integers(1, 10))
    | st.builds(
        lambda threshold, margin: {"step": "crop", "threshold": threshold, "margin": margin},
        st.just("otsu") | st.floats(0.01, 0.99),
        st.floats(0, 1),
    )
    | st.builds(
        lambda size, method: {"step": "resize", "size": size, "method": method},
        st.integers(8, 60),
        METHODS,
    ),
    max_size=5,
)
RANGES = st.sampled_from(["full", "image", [0.25, 0.5], [10, 20_000]])


@settings(max_examples=150)
@given(ARRAYS, STEPS, RANGES, METHODS, st.integers(8, 48), st.sampled_from([1, 3]))
def test_any_steps_make_bytes_of_the_size_asked_for(
    values: np.ndarray, steps: list[object], limits: object, method: str, size: int, channels: int
) -> None:
    images = Images.model_validate(
        {
            "size": size,
            "channels": channels,
            "preprocess": steps,
            "intensity_range": limits,
            "resize": method,
        }
    )
    pixels = fit_array(values, images)
    assert pixels.shape == (size, size, channels)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, fit_array(values, images))


@settings(max_examples=80)
@given(st.integers(0, 255), SHAPES, STEPS, METHODS)
def test_a_flat_image_stays_flat(
    value: int, shape: tuple[int, ...], steps: list[object], method: str
) -> None:
    images = Images.model_validate({"size": 16, "preprocess": steps, "resize": method})
    pixels = fit_array(np.full(shape, value, np.uint8), images)
    assert np.ptp(pixels) == 0


@settings(max_examples=80)
@given(hnp.arrays(np.uint16, (12, 17)), STEPS, STEPS)
def test_a_list_of_steps_is_its_parts_one_after_the_other(
    values: np.ndarray, first: list[object], second: list[object]
) -> None:
    def steps(chosen: list[object]) -> tuple[object, ...]:
        return Images.model_validate({"preprocess": chosen}).preprocess

    start = [values.astype(np.float32)], (0.0, 65535.0)
    whole, limits = preprocess(*start, steps(first + second))
    # What is cut off is cut off first: between the parts there are no limits to cut by.
    middle, _ = preprocess(*start, steps(first))
    parts, _ = preprocess(middle, None, steps(second))
    np.testing.assert_array_equal(whole, parts)
    assert limits in ((0.0, 65535.0), (0.0, 1.0))


@settings(max_examples=80)
@given(hnp.arrays(np.uint8, (20, 23)), st.integers(1, 10))
def test_denoising_only_darkens_and_once_is_enough(values: np.ndarray, radius: int) -> None:
    plane = values.astype(np.float32)
    once = denoise(plane, radius)
    assert (once <= plane).all()
    assert once.min() == plane.min()
    np.testing.assert_array_equal(denoise(once, radius), once)


@settings(max_examples=80)
@given(hnp.arrays(np.uint8, (20, 23)), st.floats(0.05, 0.95), st.floats(0, 1))
def test_a_crop_is_a_part_of_the_image_and_keeps_nothing_else(
    values: np.ndarray, threshold: float, margin: float
) -> None:
    # Each pixel carries its place, so that the box can be told from what is left.
    rows, columns = np.indices(values.shape).astype(np.float32)
    planes = [rows, columns, values.astype(np.float32)]
    cut = crop(planes, threshold, margin)
    top, left = int(cut[0].min()), int(cut[1].min())
    height, width = cut[0].shape
    assert min(height, width) >= 8
    for whole, part in zip(planes, cut, strict=True):
        np.testing.assert_array_equal(part, whole[top : top + height, left : left + width])
    inside = normalise([luma(planes)])[0][top : top + height, left : left + width]
    assert inside.max() > threshold or cut[0].shape == values.shape


@settings(max_examples=80)
@given(hnp.arrays(np.uint8, (16, 19)), st.integers(1, 200), st.integers(0, 1000))
def test_a_normalised_image_does_not_depend_on_gain_and_offset(
    values: np.ndarray, gain: int, offset: int
) -> None:
    other = values.astype(np.uint16) * gain + offset
    stretched = normalise([values.astype(np.float32)])[0]
    difference = stretched - normalise([other.astype(np.float32)])[0]
    assert np.abs(difference).max() <= 1e-6


@settings(max_examples=60)
@given(hnp.arrays(np.uint8, SHAPES.filter(lambda shape: len(shape) == 2)), st.integers(8, 60))
def test_area_and_bilinear_stay_within_the_range(values: np.ndarray, size: int) -> None:
    plane = values.astype(np.float32)
    for method in ("area", "bilinear"):
        small = resize(plane, size, method)
        assert small.shape == (size, size)
        assert small.min() >= plane.min() - 1e-3
        assert small.max() <= plane.max() + 1e-3
