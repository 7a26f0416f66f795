import pydicom
import pytest
from pydicom.encaps import get_frame

from augsearch.data.readers.dicom.codestream import frame_size, has_end


@pytest.mark.parametrize(
    "syntax",
    ["JPEGBaseline8Bit", "JPEGLossless", "JPEGLSLossless", "JPEG2000Lossless", "JPEG2000"],
)
def test_streams_tell_their_size_and_end(save_dicom, ramp, tmp_path, syntax):
    save_dicom(tmp_path / "x.dcm", ramp(0, 255, (40, 30)), syntax, 8)
    stream = get_frame(pydicom.dcmread(tmp_path / "x.dcm").PixelData, 0, number_of_frames=1)
    assert frame_size(stream) == (40, 30, 1)
    assert has_end(stream)
    assert has_end(stream + b"\0")
    assert not has_end(stream[:-3])
    for length in range(11):
        assert frame_size(stream[:length]) is None


def test_fill_bytes_and_other_segments_are_passed_over():
    frame = b"\xff\xc3\x00\x0b\x0c\x01\x02\x03\x04\x01\x01\x11\x00"
    comment = b"\xff\xfe\x00\x04\xff\xc3"
    assert frame_size(b"\xff\xd8" + comment + b"\xff\xff" + frame) == (0x102, 0x304, 1)


def test_an_image_offset_is_not_part_of_a_jpeg_2000_image():
    sizes = b"".join(number.to_bytes(4, "big") for number in (110, 60, 10, 20))
    stream = b"\xff\x4f\xff\x51\x00\x29\x00\x00" + sizes + bytes(16) + b"\x00\x03"
    assert frame_size(stream) == (40, 100, 3)


def test_other_bytes_have_no_size():
    assert frame_size(b"") is None
    assert frame_size(b"\0" * 100) is None
    assert frame_size(b"\xff\xd8" + b"\0" * 100) is None
