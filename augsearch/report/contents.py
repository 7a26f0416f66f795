"""What a report is made of: plain data, gathered by whoever writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from augsearch.study.results import StudyResult


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images of one class from one place ("real, training set", "acgan").

    Attributes:
        pixels: uint8, (N, H, W, C).
    """

    title: str
    class_name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What all arms said about one set of images.

    Attributes:
        labels: int64, (N,).
        probabilities: Arm -> float64, (trainings, N, classes).
    """

    labels: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything that the report shows.

    Attributes:
        windows: Searched arm -> window of its rule.
        recipes: Arm -> what it is made of, in words ("real images, balanced by acgan").
        generators: Names of the trained generators that any arm uses.
        n_folds: Number of folds.
        parts: Rows (part, class, images, groups).
        settings: The study, flattened to dotted keys.
        facts: Versions, device, data fingerprint.
    """

    result: StudyResult
    classes: tuple[str, ...]
    metric: str
    confidence: float
    windows: Mapping[str, int]
    recipes: Mapping[str, str]
    test: Outputs
    external: Outputs | None
    galleries: Sequence[Gallery]
    generators: Sequence[str]
    n_folds: int
    parts: Sequence[tuple[str, str, int, int]]
    study_text: str
    settings: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
