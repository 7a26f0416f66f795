"""What counts as an image file, as a part of a split and as too few images; the order of labels."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
"""Files that are taken for images, in lower case."""

DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".ima"})
"""Files that are taken for DICOM whatever is in them, in lower case; most have no suffix."""


def is_dicom(path: Path) -> bool:
    """Whether a file is meant as a DICOM image: by suffix, or by the mark behind its preamble."""
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    if path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


PART_OF = {
    "train": "train",
    "training": "train",
    "tune": "tune",
    "tuning": "tune",
    "val": "tune",
    "valid": "tune",
    "validation": "tune",
    "dev": "tune",
    "test": "test",
    "testing": "test",
}
"""What a split column or folder may be called, in lower case, and the part that it means."""

FEW_IMAGES = 50
"""Training images of a class below which a GAN was seen to harm: somewhere between 20 and 50, of
one GAN on photographs of pets (Gupta and Brown 2026, arXiv:2603.16134)."""

FEWEST_DRAWN = 3
"""Test images (or patients) of a class from which on a bootstrap over them gives an interval: two
have three draws that differ."""


def sorted_labels(labels: Iterable[str]) -> list[str]:
    """Sort labels, as numbers if all of them are whole numbers."""
    chosen = list(labels)
    if all(label.isascii() and label.isdigit() for label in chosen):
        return sorted(chosen, key=_as_number)
    return sorted(chosen)


def _as_number(label: str) -> tuple[int, str, str]:
    """Return what sorts digits as numbers; Python refuses to read thousands of them as one."""
    digits = label.lstrip("0")
    return len(digits), digits, label
