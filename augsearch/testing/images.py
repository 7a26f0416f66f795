"""Small labelled images and training sets to check plug-ins with."""

from __future__ import annotations

import numpy as np

from augsearch.records import ImageBlock, LabelledImages, Portion, TrainingSet
from augsearch.seeds import Seed


def toy_images(
    counts: tuple[int, ...] = (5, 3), size: int = 16, channels: int = 1, seed: int = 0
) -> LabelledImages:
    """Return noise whose mean grey value tells up to eight classes apart; no two images are alike.

    Args:
        counts: Images of each class.
        size: Height and width in pixels.
        channels: 1 or 3.
        seed: Other seeds give other images.
    """
    rng = Seed.of(seed, "toy images").generator()
    labels = np.repeat(np.arange(len(counts)), counts)
    level = 40 + 60 * labels[:, None, None, None] % 160
    noise = rng.integers(0, 56, (len(labels), size, size, channels))
    return LabelledImages(
        pixels=(level + noise).astype(np.uint8),
        labels=labels.astype(np.int64),
        groups=np.arange(len(labels), dtype=np.int64),
        names=tuple(f"toy-{row}" for row in range(len(labels))),
        classes=tuple(f"class-{label}" for label in range(len(counts))),
    )


def toy_training_sets(number: int = 3, size: int = 32, channels: int = 1) -> list[TrainingSet]:
    """Return training sets of unlike sizes and seeds that share their first images."""
    common = toy_images((8, 8), size, channels)
    shared = Portion(ImageBlock.of(common.pixels), np.arange(16, dtype=np.int64), common.labels)
    sets = []
    for index in range(number):
        own = toy_images((2 + 3 * index, 3 + index), size, channels, seed=1 + index)
        rows = np.arange(len(own), dtype=np.int64)[::-1].copy()
        extra = Portion(ImageBlock.of(own.pixels), rows, own.labels[rows])
        seed = Seed.of(index, "toy training set")
        sets.append(TrainingSet((shared, extra) if index else (shared,), 2, seed))
    return sets
