"""t-SNE maps of the test images, as the last layer of each arm's classifier sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augsearch.evaluation.images.tsne import MIN_IMAGES, tsne_embedding
from augsearch.report.figures.drawing import WIDTH, in_style, legend, panels, shortened, svg
from augsearch.report.figures.palette import FRAME, colour, marker
from augsearch.seeds import Seed

MAX_IMAGES = 1000
"""Images of a map: more of them take minutes, and show nothing but a full panel."""


def drawn_images(count: int, seed: Seed) -> NDArray[np.int64]:
    """Return the images that the maps show, rising: all, or `MAX_IMAGES` of them at random."""
    if count <= MAX_IMAGES:
        return np.arange(count)
    return np.sort(seed.generator().choice(count, MAX_IMAGES, replace=False))


def can_be_mapped(features: NDArray[np.float32]) -> bool:
    """Whether there are images and features enough for a map, all of them numbers."""
    n_images, width = features.shape
    return n_images >= MIN_IMAGES and width >= 2 and bool(np.isfinite(features).all())


@in_style
def tsne_maps(
    embeddings: Mapping[str, NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    seed: Seed,
) -> str:
    """Draw one map per arm, each image in the colour and shape of its class; SVG text.

    Args:
        embeddings: Arm -> features, float32, (N, D); see `can_be_mapped`.
        labels: int64, (N,).
        classes: Their names.
        seed: Where the randomness comes from; every arm's map has the same.
    """
    shown = drawn_images(len(labels), seed.child("images"))
    count = len(embeddings)
    columns = 4 if count in (4, 7, 8) else min(3, count)
    side = WIDTH / max(columns, 2)
    figure, places = panels(count, columns, side, side)
    for axes, (arm, features) in zip(places, embeddings.items(), strict=True):
        points = tsne_embedding(features[shown], seed.child("map"))
        for c, name in enumerate(classes):
            own = points[labels[shown] == c]
            style: dict[str, Any] = {"s": 11, "color": colour(c), "alpha": 0.75, "linewidth": 0}
            axes.scatter(own[:, 0], own[:, 1], marker=marker(c), label=name, **style)
        axes.set_title(shortened([arm], 34)[0], fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(FRAME)
    legend(figure, places[0])
    return svg(
        figure,
        f"t-SNE maps of the last-layer features of {len(shown):,} test images, one panel per arm "
        f"({', '.join(embeddings)}), one colour and shape per class ({', '.join(classes)}).",
    )
