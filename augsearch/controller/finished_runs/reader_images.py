"""The images of a finished run that readers can be shown; nothing is decoded or made for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from augsearch.array_files import map_array
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.data.dataset import read_listing
from augsearch.errors import RunDirectoryError, SourceError, StorageError
from augsearch.execution.recipes import sources_of_arm
from augsearch.files import read_json
from augsearch.records import LabelledImages, content_key
from augsearch.seeds import Seed
from augsearch.sources.pools.store import stored_blocks
from augsearch.study.controls import KINDS
from augsearch.study.schema.arms import Arm
from augsearch.study.schema.data import DataOptions, Images


class FrozenSource(BaseModel):
    """The kind of a source; its options are not asked for."""

    kind: str


class FrozenStudy(BaseModel):
    """What has to be known of a run's study; other settings may be of another version."""

    name: str
    seed: int
    data: DataOptions
    images: Images
    sources: dict[str, FrozenSource]
    arms: dict[str, Arm]


def real_images(directory: RunDirectory, study: FrozenStudy) -> LabelledImages:
    """Return all real images of the study as the run decoded them; pixels are a memory map.

    Raises:
        RunDirectoryError: The user's data are not those of the run any more.
        StorageError: The decoded images are damaged.
    """
    listing = read_listing(study.data, study.images, Seed.of(study.seed), directory.artifacts)
    kept = read_json(directory.artifacts / "data" / "images.json")["rows"]
    label_of = {name: code for code, name in enumerate(listing.classes)}
    entries = [listing.entries[row] for row in kept if row < len(listing.entries)]
    labels = np.array([label_of[entry.label] for entry in entries], dtype=np.int64)
    if (
        content_key(labels.astype("<i8").view(np.uint8))
        != read_json(directory.path / "data.json")["labels"]
    ):
        raise RunDirectoryError(
            f"the images and labels must be those that {directory.path} was run on, but they "
            "changed since; put them back, or run the study again with --fresh."
        )
    path = directory.artifacts / "data" / "pixels.npy"
    pixels = map_array(path, np.uint8, 4, len(entries))
    if pixels is None:
        raise StorageError(
            f"{path} must hold {len(entries)} images but is damaged or gone; run the study again "
            "with --fresh."
        )
    return LabelledImages(
        pixels=pixels,
        labels=labels,
        groups=np.zeros(len(entries), dtype=np.int64),
        names=tuple(entry.name for entry in entries),
        classes=listing.classes,
    )


@dataclass(frozen=True)
class Extent:
    """Images `first` to `end` of a class of a source's pool in one fold, in one file."""

    source: str
    fold: int
    label: int
    first: int
    end: int
    path: Path

    def __len__(self) -> int:
        return self.end - self.first


@dataclass(frozen=True, eq=False)
class SyntheticImages:
    """The synthetic images that a run keeps on disk.

    Attributes:
        extents: The files, in a fixed order.
        classes: Class names.
    """

    extents: tuple[Extent, ...]
    classes: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the sources that the images come from."""
        return tuple(dict.fromkeys(extent.source for extent in self.extents))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Return the class of every image, int64, (N,)."""
        labels = [extent.label for extent in self.extents]
        return np.repeat(np.array(labels, dtype=np.int64), [len(one) for one in self.extents])

    def class_counts(self) -> tuple[int, ...]:
        """Return the number of images of each class."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())

    def take(self, rows: NDArray[np.int64]) -> LabelledImages:
        """Read the images of `rows`, in that order.

        Raises:
            StorageError: A file is damaged.
        """
        ends = np.cumsum([len(extent) for extent in self.extents])
        images, names = [], []
        for row, place in zip(rows, np.searchsorted(ends, rows, side="right"), strict=True):
            extent = self.extents[place]
            offset = int(row - ends[place]) + len(extent)
            images.append(_pixels(extent)[offset])
            names.append(f"{extent.source}, fold {extent.fold}, image {extent.first + offset}")
        return LabelledImages(
            pixels=np.stack(images),
            labels=self.labels[rows],
            groups=np.zeros(len(rows), dtype=np.int64),
            names=tuple(names),
            classes=self.classes,
        )


def _pixels(extent: Extent) -> NDArray[np.uint8]:
    pixels = map_array(extent.path, np.uint8, 4, len(extent))
    if pixels is None:
        raise StorageError(
            f"{extent.path} must hold {len(extent)} images but is damaged; remove it to draw from "
            "the others."
        )
    return pixels


def synthetic_images(
    directory: RunDirectory, study: FrozenStudy, classes: Sequence[str]
) -> SyntheticImages:
    """Find the synthetic images on disk, of all folds.

    They are those of the sources of the declared arm; where it has none, those of the study's first
    source that has. Repeated and classically augmented images are real ones and not looked at.

    Raises:
        SourceError: There are no synthetic images.
    """
    on_disk = {
        name: tuple(_extents(directory, name))
        for name, source in study.sources.items()
        if source.kind not in KINDS
    }
    present = [name for name, extents in on_disk.items() if extents]
    if not present:
        raise SourceError(
            f"{directory.path} must hold synthetic images but no arm of its study used any; run a "
            "study whose arms add images of a generator or a folder."
        )
    declared = _declared_sources(directory, study)
    chosen = [name for name in present if name in declared] or present[:1]
    extents = [extent for name in chosen for extent in on_disk[name]]
    return SyntheticImages(tuple(extents), tuple(classes))


def _declared_sources(directory: RunDirectory, study: FrozenStudy) -> tuple[str, ...]:
    """Return the sources of the arm that the verdict is about, and of the arms below it."""
    name = read_json(directory.path / "declaration.json")["arm"]
    return () if name is None else sources_of_arm(study.arms, name)


def _extents(directory: RunDirectory, source: str) -> Iterator[Extent]:
    folder_name = re.compile(rf"source-{re.escape(source)}-fold(\d+)")
    for folder in sorted(directory.artifacts.iterdir()):
        if fold := folder_name.fullmatch(folder.name):
            seen = set()
            for extent, block in stored_blocks(folder / "pool"):
                if extent not in seen:
                    seen.add(extent)
                    yield Extent(source, int(fold[1]), *extent, block.path)
