from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augsearch.sources.generators.pictures import write_grid


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_shows_every_image_in_its_place(tmp_path: Path, channels: int) -> None:
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 255, (n, 32, 32, channels), dtype=np.uint8) for n in (9, 3)]
    write_grid(tmp_path / "grid.png", rows)
    sheet = np.asarray(Image.open(tmp_path / "grid.png")).reshape(130, 526, channels)
    for row, column in [(0, 0), (0, 7), (1, 2)]:
        tile = sheet[row * 66 : row * 66 + 64, column * 66 : column * 66 + 64]
        assert np.array_equal(tile[::2, ::2], rows[row][column])
    assert (sheet[66:, 3 * 66 :] == 255).all()
