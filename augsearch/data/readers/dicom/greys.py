"""From the values stored in a DICOM image to grey: black 0, white 1.

The order is that of the standard (PS3.3 C.11, PS3.4 N.2): modality LUT, VOI LUT or window, and
inversion of MONOCHROME1 last. Padding takes no part in it and becomes black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from augsearch.data.preprocessing import Limits, Plane
from augsearch.data.readers.dicom.tags import real, whole
from augsearch.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_Values = NDArray[np.float64]


def grey_plane(
    stored: NDArray[Any], header: Dataset, intensity_range: Literal["full", "image"] | Limits
) -> Plane:
    """Return an image as black 0 to white 1.

    "full": what the file's VOI LUT, or else its first window, shows as black and white; the image's
    own extremes if it has neither. "image": the image's own extremes after that VOI LUT or window.
    Two numbers: these values in the unit of the modality LUT (Hounsfield units of a CT), whatever
    window the file has. Extremes are those without padding.

    Args:
        stored: Whole numbers, (H, W), as the pixel data hold them.
        header: The file's attributes.
        intensity_range: `images.intensity_range`.

    Returns:
        Float32, (H, W), within 0 .. 1; padding is 0.

    Raises:
        DataError: A look-up table or window that cannot be used.
    """
    is_padding = _padding(stored, header)
    values = _modality(stored, header)
    if isinstance(intensity_range, str):
        shown = _voi(values, header)
        plane = values if shown is None else shown
        if shown is None or intensity_range == "image":
            plane = _stretch(plane, *_extremes(plane[~is_padding]))
    else:
        plane = _stretch(values, *intensity_range)
    if header.PhotometricInterpretation == "MONOCHROME1":
        plane = 1 - plane
    plane[is_padding] = 0
    return plane.astype(np.float32)


def _padding(stored: NDArray[Any], header: Dataset) -> NDArray[np.bool_]:
    """Return where the image has no content: PS3.3 C.7.5.1.1.2."""
    first = whole(header, "PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, dtype=bool)
    last = whole(header, "PixelPaddingRangeLimit")
    ends = [_as_stored(end, stored.dtype) for end in (first, first if last is None else last)]
    inside: NDArray[np.bool_] = (stored >= min(ends)) & (stored <= max(ends))
    return inside


def _as_stored(value: int, dtype: np.dtype[Any]) -> int:
    """Read a value that was written with the wrong sign as its bits mean it."""
    limits = np.iinfo(dtype)
    return (value - int(limits.min)) % (1 << limits.bits) + int(limits.min)


def _modality(stored: NDArray[Any], header: Dataset) -> _Values:
    """Apply the modality LUT, or slope and intercept: PS3.3 C.11.1."""
    table = _item(header, "ModalityLUTSequence")
    if table is not None:
        return _look_up(stored.astype(np.float64), table, header)[0]
    slope, intercept = real(header, "RescaleSlope"), real(header, "RescaleIntercept")
    if slope == 0:
        raise DataError("has a rescale slope of 0, which makes all pixels one")
    return stored * (1.0 if slope is None else slope) + (intercept or 0.0)


def _voi(values: _Values, header: Dataset) -> _Values | None:
    """Apply the first VOI LUT, or else the first window, to 0 .. 1; None if there is neither."""
    table = _item(header, "VOILUTSequence")
    if table is not None:
        looked_up, bits = _look_up(values, table, header)
        return _stretch(looked_up, 0, 2**bits - 1)
    centre, width = real(header, "WindowCenter"), real(header, "WindowWidth")
    return None if centre is None or width is None else _window(values, centre, width, header)


def _window(values: _Values, centre: float, width: float, header: Dataset) -> _Values:
    """Apply a window by its function: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    function = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise DataError(
            f"has a window of width {width:g}, which shows nothing; set images.intensity_range to "
            "[black, white] to do without the windows of the files"
        )
    match function:
        case "LINEAR":
            low = centre - 0.5 - (width - 1) / 2
            return _stretch(values, low, low + width - 1)
        case "LINEAR_EXACT":
            return _stretch(values, centre - width / 2, centre + width / 2)
        case "SIGMOID":
            # Beyond 700 the exponential of a float overflows; both ends are flat long before.
            return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    raise DataError(
        "has a window whose function is none of LINEAR, LINEAR_EXACT and SIGMOID; set "
        "images.intensity_range to [black, white] to do without the windows of the files"
    )


def _stretch(values: _Values, low: float, high: float) -> _Values:
    """Map low .. high to 0 .. 1; without a range, what is above is white and the rest black."""
    if high <= low:
        return (values > low).astype(np.float64)
    return np.clip((values - low) / (high - low), 0, 1)


def _extremes(values: _Values) -> Limits:
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _item(header: Dataset, keyword: str) -> Dataset | None:
    items = header.get(keyword)
    return items[0] if items else None


def _look_up(values: _Values, table: Dataset, header: Dataset) -> tuple[_Values, int]:
    """Return the entries for `values`, and of how many bits they are: PS3.3 C.11.1.1.1."""
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    count = count or 2**16
    if not 8 <= bits <= 16:
        raise DataError(f"has a look-up table of {bits} bits; there can be 8 to 16")
    entries = _entries(table.LUTData, count, bits, header)
    places = np.clip(np.rint(values) - first, 0, count - 1).astype(np.int64)
    return entries[places].astype(np.float64), bits


def _entries(data: Any, count: int, bits: int, header: Dataset) -> NDArray[Any]:
    """Read the entries of a look-up table; those of 8 bits may stand two in a word."""
    words = "<u2" if header.original_encoding[1] else ">u2"
    raw = data if isinstance(data, bytes) else np.array(data, dtype=words).tobytes()
    if len(raw) >= 2 * count:
        return np.frombuffer(raw, dtype=words, count=count)
    if bits == 8 and len(raw) >= count:
        return np.frombuffer(raw, dtype=np.uint8, count=count)
    raise DataError(f"has a look-up table of {count} entries that holds only {len(raw)} bytes")
