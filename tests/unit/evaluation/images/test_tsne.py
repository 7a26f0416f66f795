import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from augsearch.evaluation.images.tsne import tsne_embedding
from augsearch.seeds import Seed


def _features(n: int) -> np.ndarray:
    """Return two distant groups in 20 dimensions."""
    noise = Seed.of(n, "features").generator().normal(size=(n, 20))
    return (noise + 9 * (np.arange(n) % 2)[:, None]).astype(np.float32)


def test_neighbours_stay_neighbours() -> None:
    features = _features(100)
    found = tsne_embedding(features, Seed.of(0))
    assert (found.shape, found.dtype) == ((100, 2), np.float32)
    assert trustworthiness(features, found, n_neighbors=10) > 0.85
    distances = np.linalg.norm(found[:, None] - found, axis=2) + 1e9 * np.eye(100)
    assert (distances.argmin(axis=1) % 2 == np.arange(100) % 2).all()


def test_same_input_gives_the_same_bits() -> None:
    features = _features(60)
    assert tsne_embedding(features, Seed.of(3)).tobytes() == (
        tsne_embedding(features.copy(), Seed.of(3)).tobytes()
    )


@pytest.mark.parametrize("n", [5, 6, 30])
def test_few_images_have_a_map(n: int) -> None:
    assert np.isfinite(tsne_embedding(_features(n), Seed.of(0))).all()


def test_identical_features_share_one_place() -> None:
    found = tsne_embedding(np.ones((8, 4), dtype=np.float32), Seed.of(0))
    assert found.tolist() == [[0, 0]] * 8


@pytest.mark.parametrize("shape", [(4, 20), (20, 1), (20,)])
def test_refuses_what_has_no_map(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="N at least 5 and D at least 2 but have shape"):
        tsne_embedding(np.zeros(shape, dtype=np.float32), Seed.of(0))


def test_refuses_features_that_are_not_numbers() -> None:
    features = _features(10)
    features[3, 2] = np.nan
    with pytest.raises(ValueError, match="features must be finite numbers"):
        tsne_embedding(features, Seed.of(0))
