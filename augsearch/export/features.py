"""Features of images in one .npz file, with what is known of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "features.npz"
NO_GROUP = -1


@dataclass(frozen=True, eq=False)
class Featured:
    """Images of one part and one origin.

    Attributes:
        part: "training", "tuning", "test" or "external".
        origin: "real", or the name of the source that made them.
        features: float32, (N, D).
        labels: int64, (N,).
        groups: int64, (N,), equal numbers are one patient; NO_GROUP where none is known.
        numbers: int64, (N,), which image it is: of real ones the row of the study's data, of others
            the number in the stream of its source and class.
    """

    part: str
    origin: str
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    numbers: NDArray[np.int64]


def write_features(folder: Path, parts: Sequence[Featured], classes: Sequence[str]) -> Path:
    """Write features.npz, which `numpy.load` reads without pickles.

    It holds `features`, float32, (N, D); `labels`, `groups` and `numbers`, int64, (N,); `parts` and
    `origins`, text, (N,); and `classes`, text, the names that `labels` count.
    """

    def repeated(words: Sequence[str]) -> NDArray[np.str_]:
        return np.repeat(np.array(words), [len(one.labels) for one in parts])

    path = folder / FILE
    np.savez(
        path,
        features=np.concatenate([one.features for one in parts]),
        labels=np.concatenate([one.labels for one in parts]),
        groups=np.concatenate([one.groups for one in parts]),
        numbers=np.concatenate([one.numbers for one in parts]),
        parts=repeated([one.part for one in parts]),
        origins=repeated([one.origin for one in parts]),
        classes=np.array(classes),
    )
    return path
