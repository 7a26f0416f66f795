"""What exported images say of themselves, each of them and in the table of all of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

MANIFEST = "manifest.csv"
SAYS = "Synthetic image, not a patient. Not for diagnosis."


@dataclass(frozen=True)
class Origin:
    """Where all images of an export come from.

    Attributes:
        study: Name of the study.
        run: Hash of the study file and its data.
        arm: Name of the arm.
        version: Of augsearch.
        fold: The fold whose training images the sources were fitted to, from 0.
        stream: The stream of the pools that the images were taken from.
    """

    study: str
    run: str
    arm: str
    version: str
    fold: int
    stream: int


@dataclass(frozen=True)
class Row:
    """A line of the manifest.

    Attributes:
        image: Path within the export.
        label: Name of the class.
        source: Name of the source.
        kind: Of the source.
        number: Of the image within the stream of its source and class, from 0.
        sha256: Of the pixels: 8 bits a channel, row by row.
        generator: Fingerprint of the source's generators; empty if it has none.
    """

    image: str
    label: str
    source: str
    kind: str
    number: int
    sha256: str
    generator: str


def write_manifest(path: Path, rows: Sequence[Row]) -> None:
    """Write the table that lists images, with a header."""
    columns = [field.name for field in fields(Row)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([getattr(row, column) for column in columns] for row in rows)
