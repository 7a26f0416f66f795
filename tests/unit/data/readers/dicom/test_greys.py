"""The way from stored values to grey, each step computed again pixel by pixel."""

import math

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from augsearch.data.readers.dicom.greys import grey_plane
from augsearch.errors import DataError

STORED = np.random.default_rng(3).integers(0, 4096, (12, 10)).astype(np.uint16)
SIGNED = np.random.default_rng(4).integers(-1024, 2048, (12, 10)).astype(np.int16)
CT = {"RescaleSlope": "1.5", "RescaleIntercept": "-1000.5"}
"""How a CT stores Hounsfield units."""


def header(photometric="MONOCHROME2", **attributes):
    made = Dataset()
    made.PhotometricInterpretation = photometric
    made.BitsStored = 12
    made.PixelRepresentation = 0
    made.set_original_encoding(False, True)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def table(first, entries, bits=12, kind="US"):
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.add_new("LUTData", kind, entries if kind == "US" else np.array(entries, "<u2").tobytes())
    return Sequence([item])


def linear(value, centre, width):
    """PS3.3 C.11.2.1.2.1, word by word, for ymin = 0 and ymax = 1."""
    if value <= centre - 0.5 - (width - 1) / 2:
        return 0.0
    if value > centre - 0.5 + (width - 1) / 2:
        return 1.0
    return (value - (centre - 0.5)) / (width - 1) + 0.5


def exact(value, centre, width):
    if value <= centre - width / 2:
        return 0.0
    if value > centre + width / 2:
        return 1.0
    return (value - centre) / width + 0.5


def sigmoid(value, centre, width):
    return 1 / (1 + math.exp(-4 * (value - centre) / width))


def each(stored, of):
    return np.array([[of(int(value)) for value in row] for row in stored])


@pytest.mark.parametrize(
    ("function", "of"), [("LINEAR", linear), ("LINEAR_EXACT", exact), ("SIGMOID", sigmoid)]
)
@pytest.mark.parametrize(("centre", "width"), [(40, 400), (600, 1500), (-999.75, 2)])
def test_windows_of_hounsfield_units(function, of, centre, width):
    head = header(**CT, WindowCenter=[centre, 0], WindowWidth=[width, 1], VOILUTFunction=function)
    expected = each(STORED, lambda value: of(1.5 * value - 1000.5, centre, width))
    assert grey_plane(STORED, head, "full") == pytest.approx(expected, abs=1e-7)


def test_a_window_without_a_function_is_linear():
    head = header(WindowCenter="2048", WindowWidth="1")
    expected = (STORED > 2047.5).astype(float)
    assert np.array_equal(grey_plane(STORED, head, "full"), expected)


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_a_voi_lut_goes_before_a_window(kind):
    entries = [(number * 37) % 4096 for number in range(500)]
    head = header(
        VOILUTSequence=table(1000, entries, kind=kind), WindowCenter="100", WindowWidth="100"
    )
    expected = each(STORED, lambda value: entries[min(max(value - 1000, 0), 499)] / 4095)
    assert grey_plane(STORED, head, "full") == pytest.approx(expected, abs=1e-7)
    assert grey_plane(STORED, head, "full") == pytest.approx(
        apply_voi_lut(STORED, head).astype(float) / 4095, abs=1e-7
    )


def test_a_voi_lut_of_negative_values():
    entries = list(range(0, 4096, 2))
    head = header(VOILUTSequence=table(-1024, entries), PixelRepresentation=1)
    expected = each(SIGNED, lambda value: entries[min(max(value + 1024, 0), 2047)] / 4095)
    assert grey_plane(SIGNED, head, "full") == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("packed", [False, True])
def test_a_voi_lut_of_8_bits(packed):
    entries = [255 - number // 16 for number in range(4096)]
    item = table(0, entries, bits=8)[0]
    if packed:
        item.add_new("LUTData", "OW", bytes(entries))
    head = header(VOILUTSequence=Sequence([item]))
    expected = each(STORED, lambda value: entries[value] / 255)
    assert grey_plane(STORED, head, "full") == pytest.approx(expected, abs=1e-7)


def test_a_modality_lut_goes_before_the_window():
    entries = [round(4095 * math.sqrt(number / 4095)) for number in range(4096)]
    head = header(
        ModalityLUTSequence=table(0, entries, bits=16), WindowCenter="2000", WindowWidth="1000"
    )
    expected = each(STORED, lambda value: linear(entries[value], 2000, 1000))
    assert grey_plane(STORED, head, "full") == pytest.approx(expected, abs=1e-7)
    own = apply_modality_lut(STORED, head).astype(float)
    own = (own - own.min()) / (own.max() - own.min())
    assert grey_plane(STORED, header(**_only_modality(head)), "full") == pytest.approx(
        own, abs=1e-7
    )


def _only_modality(head):
    return {"ModalityLUTSequence": head.ModalityLUTSequence}


def test_without_a_window_the_image_has_its_own_range():
    expected = (SIGNED - SIGNED.min()) / float(SIGNED.max() - SIGNED.min())
    for head in (header(), header(**CT)):
        assert grey_plane(SIGNED, head, "full") == pytest.approx(expected, abs=1e-7)


def test_two_numbers_are_in_units_of_the_modality_and_overrule_the_window():
    head = header(**CT, WindowCenter="40", WindowWidth="400")
    expected = np.clip((1.5 * STORED - 1000.5 - -160) / 400, 0, 1)
    assert grey_plane(STORED, head, (-160, 240)) == pytest.approx(expected, abs=1e-7)


def test_image_stretches_what_the_window_lets_through():
    head = header(WindowCenter="2048.5", WindowWidth="8193")
    shown = (STORED - STORED.min()) / float(STORED.max() - STORED.min())
    assert grey_plane(STORED, head, "full").max() < 0.8
    assert grey_plane(STORED, head, "image") == pytest.approx(shown, abs=1e-6)


@pytest.mark.parametrize("intensity_range", ["full", "image", (300, 2500)])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": "1800", "WindowWidth": "3001"}])
def test_the_same_image_written_both_ways_agrees(intensity_range, window):
    """MONOCHROME1 stores 4095 - v for v; everything given in stored values is turned with it."""
    turned = {"WindowCenter": f"{4096 - 1800}", "WindowWidth": "3001"} if window else {}
    if not isinstance(intensity_range, str):
        black, white = intensity_range
        other_range = (4095 - white, 4095 - black)
    else:
        other_range = intensity_range
    one = grey_plane(STORED, header(**window, PixelPaddingValue=int(STORED[0, 0])), intensity_range)
    other = grey_plane(
        4095 - STORED,
        header("MONOCHROME1", **turned, PixelPaddingValue=4095 - int(STORED[0, 0])),
        other_range,
    )
    assert other == pytest.approx(one, abs=6e-8)
    assert other[0, 0] == 0


def test_padding_takes_no_part_in_the_range_and_becomes_black():
    stored = STORED.copy()
    stored[:3] = 60000
    inside = STORED[3:].astype(float)
    expected = (inside - inside.min()) / (inside.max() - inside.min())
    for photometric, own in (("MONOCHROME2", expected), ("MONOCHROME1", 1 - expected)):
        plane = grey_plane(stored, header(photometric, PixelPaddingValue=60000), "full")
        assert plane[3:] == pytest.approx(own, abs=1e-7)
        assert not plane[:3].any()


@pytest.mark.parametrize(("value", "limit"), [(-2000, -1500), (-1500, -2000), (63536, 64036)])
def test_a_range_of_padding(value, limit):
    """Also written the other way round, and as unsigned numbers of the same bits."""
    stored = SIGNED.copy()
    stored[0] = np.linspace(-2000, -1500, 10)
    plane = grey_plane(
        stored, header(PixelPaddingValue=value, PixelPaddingRangeLimit=limit), "full"
    )
    inside = SIGNED[1:].astype(float)
    assert not plane[0].any()
    assert plane[1:].min() == 0
    assert plane[1:].max() == 1
    assert plane[1:] == pytest.approx((inside - inside.min()) / np.ptp(inside), abs=1e-7)


def test_images_of_one_value_or_of_padding_alone_are_black():
    flat = np.full((9, 9), 7, np.uint16)
    assert not grey_plane(flat, header(), "full").any()
    assert not grey_plane(flat, header("MONOCHROME1", PixelPaddingValue=7), "full").any()


def test_tables_that_cannot_be_used_are_refused():
    with pytest.raises(DataError, match="of 4096 entries that holds only 20 bytes"):
        item = table(0, list(range(10)))[0]
        item.LUTDescriptor = [4096, 0, 12]
        grey_plane(STORED, header(VOILUTSequence=Sequence([item])), "full")
    with pytest.raises(DataError, match="look-up table of 32 bits"):
        grey_plane(STORED, header(VOILUTSequence=table(0, [1, 2], bits=32)), "full")
    with pytest.raises(DataError, match="function is none of LINEAR"):
        head = header(WindowCenter="1", WindowWidth="9", VOILUTFunction="CUBIC")
        grey_plane(STORED, head, "full")
