import contextlib
import time

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence

from augsearch.data.readers.dicom.decoding import decode_dicom
from augsearch.data.readers.dicom.frames import FrameDecoder
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

# The size of the ramps' rows and columns made equal: with this, no pixel is resized.
SQUARE = (16, 16)
AS_IT_IS = Images(size=16, resize="area")

LOSSLESS = (
    "ImplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "ExplicitVRBigEndian",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "RLELossless",
)


@pytest.fixture
def decode(tmp_path, frames):
    def decode(images=AS_IT_IS):
        return decode_dicom(tmp_path / "x.dcm", images, frames)

    return decode


@pytest.fixture
def refused(tmp_path, frames):
    def refused(images=AS_IT_IS):
        with pytest.raises(DataError) as error:
            decode_dicom(tmp_path / "x.dcm", images, frames)
        return str(error.value)

    return refused


@pytest.mark.parametrize(
    ("bits", "low", "high"),
    [
        (8, 0, 255),
        (8, -128, 127),
        (12, 3, 4090),
        (12, -2048, 2047),
        (16, 0, 65535),
        (16, -9, 30000),
    ],
)
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_every_lossless_syntax_gives_the_stored_values(
    save_dicom, decode, ramp, tmp_path, syntax, bits, low, high
):
    values = ramp(low, high, SQUARE)
    save_dicom(tmp_path / "x.dcm", values, syntax, bits)
    expected = np.rint(255 * (values - low) / (high - low))
    assert np.array_equal(decode()[..., 0], expected)


@pytest.mark.parametrize(("bits", "high"), [(6, 63), (7, 127)])
def test_jpeg_ls_of_few_bits(save_dicom, decode, ramp, tmp_path, bits, high):
    """GDCM, which decodes other JPEG-LS frames, cannot do these."""
    values = ramp(0, high, SQUARE)
    save_dicom(tmp_path / "x.dcm", values, "JPEGLSLossless", bits)
    assert np.array_equal(decode()[..., 0], np.rint(255 * values / high))


def test_where_pyjpegls_is_missing_it_is_named(save_dicom, ramp, tmp_path, monkeypatch):
    """As on Python 3.14: what GDCM decodes is read, the few bits are not called damaged."""
    save_dicom(tmp_path / "few.dcm", ramp(0, 63, SQUARE), "JPEGLSLossless", 6)
    save_dicom(tmp_path / "eight.dcm", ramp(0, 255, SQUARE), "JPEGLSLossless", 8)
    (tmp_path / "jpeg_ls.py").write_text("raise ModuleNotFoundError(name='jpeg_ls')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with contextlib.closing(FrameDecoder()) as frames:
        with pytest.raises(DataError, match=r"6 or 7 bits, which needs pyjpegls.*pip install"):
            decode_dicom(tmp_path / "few.dcm", AS_IT_IS, frames)
        assert decode_dicom(tmp_path / "eight.dcm", AS_IT_IS, frames).max() == 255


@pytest.mark.parametrize("syntax", ["JPEGBaseline8Bit", "JPEGExtended12Bit", "JPEG2000"])
def test_lossy_syntaxes_come_close(save_dicom, decode, ramp, tmp_path, syntax):
    values = ramp(0, 255, SQUARE)
    save_dicom(tmp_path / "x.dcm", values, syntax, 8, WindowCenter=128, WindowWidth=256)
    assert np.abs(decode()[..., 0].astype(int) - values).max() <= 4


def test_three_channels_repeat_the_grey(save_dicom, decode, ramp, tmp_path):
    save_dicom(tmp_path / "x.dcm", ramp(0, 4095), bits=12)
    pixels = decode(Images(size=16, channels=3))
    assert pixels.shape == (16, 16, 3)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_steps_see_greys_without_the_lost_bits(save_dicom, decode, tmp_path):
    """A step that stretches finds more than 256 greys in a twentieth of the window."""
    values = 2000 + np.arange(256).reshape(SQUARE) % 200
    save_dicom(tmp_path / "x.dcm", values, bits=12, WindowCenter=2048, WindowWidth=4096)
    assert len(np.unique(decode())) == 13
    assert len(np.unique(decode(AS_IT_IS.model_copy(update={"preprocess": steps()})))) == 200


def steps():
    return Images.model_validate({"preprocess": ["normalise"]}).preprocess


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"NumberOfFrames": 7}, "holds 7 frames; save the one to be used as a file of its own"),
        (
            {"SharedFunctionalGroupsSequence": Sequence([Dataset()])},
            "is of the multi-frame class Secondary Capture Image Storage",
        ),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "is not a grey image but PALETTE COLOR"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "not a grey image but RGB"),
        ({"PhotometricInterpretation": "DOE JANE"}, "is not a grey image; only MONOCHROME1"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "has 32 of 32 bits per pixel; only 8 and 16"),
        ({"HighBit": 15, "BitsStored": 12}, "keeps its 12 bits below bit 15"),
        ({"Rows": None}, "is truncated or damaged (it says no size)"),
        ({"Rows": 4}, "is 22 x 4 pixels; each side must be at least 8"),
        ({"Rows": 60000, "Columns": 60000}, "more than images.max_pixels = 64000000"),
        ({"Rows": 17}, "is truncated or damaged (ValueError in its pixel data)"),
        (
            {"PixelData": None, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"},
            "has no pixel data, so it is truncated or no image (its class is Basic Text SR",
        ),
        (
            {"WindowCenter": 5, "WindowWidth": 0},
            "has a window of width 0, which shows nothing; set",
        ),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "has a rescale slope of 0"),
        ({"RescaleSlope": "1e300", "RescaleIntercept": 0}, "(RescaleSlope is 1e+300)"),
    ],
)
def test_what_is_no_single_grey_image_is_refused_by_name(
    save_dicom, refused, ramp, tmp_path, attributes, message
):
    save_dicom(tmp_path / "x.dcm", ramp(0, 1000), **attributes)
    assert message in refused()


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("DOE^JANE", "(not a UID)"),
    ],
)
def test_other_transfer_syntaxes_are_refused_by_name(
    save_dicom, refused, ramp, tmp_path, syntax, name
):
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 1000))
    old, new = b"1.2.840.10008.1.2.1\0", syntax.encode() + b"\0" * (len(syntax) % 2)
    whole = path.read_bytes()
    at = whole.index(b"\x02\x00\x10\x00UI") + 6
    value = len(new).to_bytes(2, "little") + new
    path.write_bytes(whole[:at] + value + whole[at + 2 + len(old) :])
    assert f"is of the transfer syntax {name}, which augsearch does not read" in refused()


def test_jpeg_of_12_bits_is_refused_by_name(save_dicom, refused, ramp, tmp_path):
    save_dicom(tmp_path / "x.dcm", ramp(0, 4095), "JPEGExtended12Bit", 12)
    assert "JPEG Extended (Process 2 and 4) with 12 bits, which augsearch does not" in refused()


def test_a_file_without_the_mark_is_no_dicom(refused, tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"text" * 100)
    assert refused().startswith("is not a DICOM file")
    (tmp_path / "x.dcm").write_bytes(b"")
    assert refused().startswith("is not a DICOM file")
    (tmp_path / "x.dcm").unlink()
    assert refused() == "does not exist"


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_truncated_file_is_refused(save_dicom, refused, ramp, tmp_path, syntax):
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 4095), syntax, 12)
    whole = path.read_bytes()
    for length in (140, 300, len(whole) - 40):
        path.write_bytes(whole[:length])
        assert "truncated" in refused()


def test_a_file_that_its_image_cannot_fill_is_not_read(save_dicom, refused, ramp, tmp_path):
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 1000))
    whole, huge = path.read_bytes(), 3 << 30
    length = len(ramp(0, 1000).astype("<u2").tobytes()).to_bytes(4, "little")
    place = whole.rindex(length)
    path.write_bytes(whole[:place] + huge.to_bytes(4, "little") + whole[place + 4 :])
    with path.open("rb+") as file:
        file.truncate(huge)  # a hole, which takes no space on the disk
    started = time.process_time()
    assert "is damaged (it is of 3,221,225,472 bytes, its 16 x 22 pixels need 704)" in refused()
    assert time.process_time() - started < 1


def test_a_frame_that_unpacks_to_far_more_than_its_image_is_not_unpacked(
    save_dicom, refused, ramp, tmp_path
):
    """RLE: two bytes become 128."""
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 255), "RLELossless", 8)
    file = pydicom.dcmread(path)
    header = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    file.PixelData = encapsulate([header + b"\x81\x00" * 50_000])
    file.save_as(path)
    assert refused() == ("is damaged (its compressed pixels are 100,064 bytes, uncompressed 352)")


@pytest.mark.parametrize("syntax", ["JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless"])
def test_a_stream_larger_than_its_header_is_not_decoded(
    save_dicom, refused, ramp, tmp_path, syntax
):
    save_dicom(tmp_path / "x.dcm", ramp(0, 4095, (500, 400)), syntax, 12, Rows=50, Columns=40)
    started = time.process_time()
    assert "its compressed pixels say 500 x 400 x 1, its header 50 x 40 x 1" in refused()
    assert time.process_time() - started < 1


def test_a_stream_without_an_end_is_not_taken(save_dicom, refused, ramp, tmp_path):
    """GDCM would fill up what is missing of it with grey."""
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 4095), "JPEGLosslessSV1", 12)
    file = pydicom.dcmread(path)
    stream = get_frame(file.PixelData, 0, number_of_frames=1)
    file.PixelData = encapsulate([stream[: len(stream) // 4 * 2]])
    file.save_as(path)
    assert refused() == "is truncated (its compressed pixels do not end)"


def test_messages_and_log_quote_no_value(save_dicom, refused, ramp, tmp_path, caplog):
    path = tmp_path / "x.dcm"
    save_dicom(path, ramp(0, 1000), WindowCenter="1234567", WindowWidth=5, PatientName="Doe^Jane")
    path.write_bytes(path.read_bytes().replace(b"1234567", b"DoeJane"))
    assert refused() == "is truncated or damaged (ValueError in its header)"
    assert not caplog.records
