"""What it means that a class has few images in a part of the split."""

from __future__ import annotations

import numpy as np

from augsearch.data.conventions import FEW_IMAGES, FEWEST_DRAWN
from augsearch.data.dataset import Dataset
from augsearch.data.splits import Split
from augsearch.messages import names


def gan_warnings(dataset: Dataset, split: Split) -> list[str]:
    """Return what makes a GAN's images doubtful: classes with few training images."""
    labels = dataset.images.labels
    counts = {
        name: min(int((labels[fold.train] == label).sum()) for fold in split.folds)
        for label, name in enumerate(dataset.images.classes)
    }
    few = {name: count for name, count in counts.items() if count < FEW_IMAGES}
    if not few:
        return []
    each = [f"class {name!r} has only {count} training images" for name, count in few.items()]
    if len(few) > 1:
        shown = ", ".join(f"{name!r} {count}" for name, count in few.items())
        each = [f"{len(few)} classes have few training images ({shown})"]
    return [
        f"{each[0]}; below about {FEW_IMAGES} a GAN tends to copy or collapse, and its images were "
        "seen to harm"
    ]


def verdict_warnings(dataset: Dataset, split: Split) -> list[str]:
    """Return what leaves numbers without an interval: classes of one or two test patients."""
    rows, part = (split.test, "test") if len(split.test) else (split.folds[0].tune, "tuning")
    labels, groups = dataset.images.labels[rows], dataset.images.groups[rows]
    patients = {
        name: len(np.unique(groups[labels == label]))
        for label, name in enumerate(dataset.images.classes)
    }
    remedy = (
        "add patients, make that set larger ([split]), or leave such classes out (data.classes)"
    )
    warnings = []
    if single := [name for name, count in patients.items() if count == 1]:
        warnings.append(
            f"the {part} set has one image or patient only of {names(single)}, so no interval can "
            'be given and the verdict will be "no evidence", whatever the images do; ' + remedy
        )
    elif few := [name for name, count in patients.items() if count < FEWEST_DRAWN]:
        warnings.append(
            f"the {part} set has two images or patients only of {names(few)}, too few for an "
            f"interval of any metric but the AUC, so none is given; {remedy}"
        )
    return warnings
