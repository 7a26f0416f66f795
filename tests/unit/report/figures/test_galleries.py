import base64
import io

import numpy as np
import pytest
from PIL import Image

from augsearch.report.figures.galleries import gallery_png


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gallery_shows_its_pixels(channels):
    pixels = np.arange(2 * 8 * 8 * channels, dtype=np.uint8).reshape(2, 8, 8, channels)
    uri = gallery_png(pixels, scale_to=16)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert picture.shape[:2] == (16, 2 * 18)
    small = picture[::2, :16:2].reshape(8, 8, channels)
    assert np.array_equal(small, pixels[0])
