import numpy as np
import pytest
from scipy.spatial.distance import pdist

from augsearch.evaluation.images import diversity
from augsearch.evaluation.images.diversity import pairwise_spread
from augsearch.seeds import Seed


def _images(n: int) -> np.ndarray:
    return Seed.of(0, "images").generator().integers(0, 256, (n, 5, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("n", [2, 3, 17])
def test_equals_the_mean_over_all_pairs(n: int) -> None:
    flat = _images(n).reshape(n, -1).astype(float)
    expected = np.sqrt((pdist(flat, "sqeuclidean") / flat.shape[1]).mean())
    assert pairwise_spread(_images(n)) == pytest.approx(expected, rel=1e-12)


def test_identical_images_give_exactly_zero() -> None:
    assert pairwise_spread(np.repeat(_images(1), 1001, axis=0)) == 0.0


def test_slices_do_not_change_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pairwise_spread(_images(23))
    monkeypatch.setattr(diversity, "_CHUNK_VALUES", 150)
    assert pairwise_spread(_images(23)) == whole


def test_black_and_white_reach_the_upper_end() -> None:
    pixels = np.zeros((10, 4, 4, 1), dtype=np.uint8)
    pixels[:5] = 255
    assert pairwise_spread(pixels) == pytest.approx(255 * np.sqrt(10 / 18))


@pytest.mark.parametrize("shape", [(1, 4, 4, 1), (0, 4, 4, 1), (3, 0, 4, 1)])
def test_refuses_what_has_no_pairs(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least 2 images but have shape"):
        pairwise_spread(np.zeros(shape, dtype=np.uint8))
