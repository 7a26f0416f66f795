from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest

from augsearch.data.readers.dicom import frame_worker
from augsearch.data.readers.dicom.decoding import decode_dicom
from augsearch.data.readers.dicom.frames import FrameDecoder
from augsearch.errors import DataError
from augsearch.study.schema.data import Images

SYNTAX = "1.2.840.10008.1.2.4.70"


@pytest.fixture
def frame(save_dicom, ramp, tmp_path):
    """(options, pixel data, values) of a JPEG Lossless file."""
    values = ramp(0, 4095)
    save_dicom(tmp_path / "x.dcm", values, "JPEGLosslessSV1", 12)
    options = {
        "rows": values.shape[0],
        "columns": values.shape[1],
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": 16,
        "bits_stored": 12,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
    }
    return options, pydicom.dcmread(tmp_path / "x.dcm").PixelData, values


def test_damage_is_told_and_the_next_frame_decoded(frames, frame):
    options, source, values = frame
    with pytest.raises(DataError, match="has pixel data that are truncated or damaged"):
        frames.decode(SYNTAX, options, source[: len(source) // 4 * 2])
    assert np.array_equal(frames.decode(SYNTAX, options, source), values)


def test_a_crash_is_an_error_and_the_next_frame_gets_a_new_process(frame):
    options, source, values = frame
    decoder = FrameDecoder()
    decoder.decode(SYNTAX, options, source)
    decoder._process.kill()
    with pytest.raises(DataError, match="its decoder crashed or did not end"):
        decoder.decode(SYNTAX, options, source)
    assert np.array_equal(decoder.decode(SYNTAX, options, source), values)
    decoder.close()


def test_a_hang_ends_in_time(frame):
    options, source, _ = frame
    decoder = FrameDecoder(timeout_s=0.01)  # a process needs longer to start
    with pytest.raises(DataError, match="its decoder crashed or did not end"):
        decoder.decode(SYNTAX, options, source)


def test_its_process_ends_with_it(frame):
    options, source, _ = frame
    decoder = FrameDecoder()
    decoder.decode(SYNTAX, options, source)
    process = decoder._process
    del decoder
    assert process.poll() is not None


def test_frames_of_several_threads_are_not_mixed_up(save_dicom, ramp, tmp_path):
    images, decoder = Images(size=16, channels=1), FrameDecoder()
    paths = [tmp_path / f"{turn}.dcm" for turn in range(12)]
    for path in paths:
        turned = np.roll(ramp(0, 4095, (160, 160)), 10 * int(path.stem), axis=0)
        save_dicom(path, turned, "RLELossless", 12)
    alone = [decode_dicom(path, images, decoder) for path in paths]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda path: decode_dicom(path, images, decoder), paths))
    decoder.close()
    assert np.array_equal(found, alone)
    assert len({image.tobytes() for image in found}) == len(paths)


def test_a_system_that_refuses_the_limit_decodes_without(monkeypatch):
    def refuse(*_):
        raise ValueError("current limit exceeds maximum limit")  # as macOS does

    monkeypatch.setattr("resource.setrlimit", refuse)
    frame_worker._limit_memory()
