"""A map of images: features of many values laid out in two, neighbours beside each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from augsearch.seeds import Seed

MIN_IMAGES = 5


def tsne_embedding(features: NDArray[np.float32], seed: Seed) -> NDArray[np.float32]:
    """Return where t-SNE places each image (van der Maaten and Hinton 2008).

    It starts from the first two principal components; the perplexity is 30, or (N - 1) / 3 for
    fewer than 91 images. Features are taken as they are: their distances are those the classifier's
    last layer sees, and dividing each by its spread would blow up the units that hardly respond.
    Distances between far groups, and the sizes of groups, mean nothing in such a map.

    Args:
        features: float32, (N, D), N at least 5 and D at least 2, of the images of one arm.
        seed: Where the randomness comes from.

    Returns:
        float32, (N, 2); the same bits for the same input on one machine. All zeros if the images
        have identical features.

    Raises:
        ValueError: Fewer than 5 images, other shapes, or features that are not numbers.
    """
    if features.ndim != 2 or len(features) < MIN_IMAGES or features.shape[1] < 2:
        raise ValueError(
            f"features must be (N, D) with N at least {MIN_IMAGES} and D at least 2 but have shape "
            f"{features.shape}; a map of fewer images shows nothing."
        )
    if not np.isfinite(features).all():
        raise ValueError("features must be finite numbers but some are not; check the classifier.")
    if not np.ptp(features, axis=0).any():
        return np.zeros((len(features), 2), dtype=np.float32)
    return _embedded(features, seed.integer() % 2**32)


def _embedded(features: NDArray[np.float32], random_state: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    model = TSNE(
        n_components=2,
        perplexity=min(30.0, (len(features) - 1) / 3),
        init="pca",
        learning_rate="auto",
        random_state=random_state,
    )
    # Several threads add their sums in any order, and t-SNE grows the last bit to another map.
    with threadpool_limits(limits=1):
        embedding = model.fit_transform(np.asarray(features, dtype=np.float32))
    return np.asarray(embedding, dtype=np.float32)
