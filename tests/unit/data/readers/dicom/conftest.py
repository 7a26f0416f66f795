import numpy as np
import pytest

from augsearch.data.readers.dicom.frames import FrameDecoder


@pytest.fixture(scope="session")
def frames():
    """Give one process that decodes frames for all tests."""
    decoder = FrameDecoder()
    yield decoder
    decoder.close()


@pytest.fixture(scope="session")
def ramp():
    """Make values from `low` to `high`, both included, rising along the rows."""

    def ramp(low, high, shape=(16, 22)):
        return np.rint(np.linspace(low, high, shape[0] * shape[1])).astype(int).reshape(shape)

    return ramp
