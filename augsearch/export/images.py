"""Synthetic images as files that say what they are, with a table of all of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from augsearch.execution.folds import Added
from augsearch.export.manifest import MANIFEST, SAYS, Origin, Row, write_manifest

ImageFormat = Literal["png", "dicom"]

_SUFFIX: dict[ImageFormat, str] = {"png": "png", "dicom": "dcm"}
_NO_FOLDER = re.compile(
    r'^$|^\.|[\x00-\x1f\x7f/\\:*?"<>|]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|.{101}',
    re.IGNORECASE,
)
"""In class names that cannot be the name of a folder on some system: an export is passed on."""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source.

    Attributes:
        kind: "acgan", "folder" ...
        fingerprint: Hash of its trained generators; empty if it has none.
    """

    kind: str
    fingerprint: str


def write_images(
    folder: Path,
    added: Sequence[Added],
    classes: Sequence[str],
    sources: dict[str, SourceFacts],
    origin: Origin,
    file_format: ImageFormat,
) -> list[Row]:
    """Write images as CLASS/SOURCE-NUMBER.png (or .dcm) and the manifest that lists them.

    The manifest is a table as `[data] kind = "csv"` reads it; where class names can be names of
    folders, the folder itself is one that `[sources.NAME] kind = "folder"` reads.

    Args:
        folder: An empty folder.
        added: The images.
        classes: Names of all classes.
        sources: What is known of each source.
        origin: What all images have in common.
        file_format: "png", or "dicom" for secondary captures.

    Returns:
        The lines of the manifest.

    Raises:
        DataError: DICOM is wanted but its packages are not installed.
        StorageError: A file cannot be written.
    """
    names = folder_names(classes)
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for one in added:
        facts = sources[one.source]
        for number, pixels in enumerate(_pixels(one), start=one.first):
            file = f"{one.source}-{number:06}.{_SUFFIX[file_format]}"
            row = Row(
                image=f"{names[one.label]}/{file}",
                label=classes[one.label],
                source=one.source,
                kind=facts.kind,
                number=number,
                sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
                generator=facts.fingerprint,
            )
            _WRITERS[file_format](folder / row.image, pixels, row, origin)
            rows.append(row)
    write_manifest(folder / MANIFEST, rows)
    return rows


def folder_names(classes: Sequence[str]) -> list[str]:
    """Return a folder name for each class: its own if all can be, else class0, class1 ...

    Example:
        >>> folder_names(["No Finding", "Effusion"])
        ['No Finding', 'Effusion']
        >>> folder_names(["a/b", "c"])
        ['class0', 'class1']
    """
    different = len({name.casefold() for name in classes}) == len(classes)
    if different and not any(_NO_FOLDER.search(name) for name in classes):
        return list(classes)
    return [f"class{label}" for label in range(len(classes))]


def _pixels(added: Added) -> Iterator[NDArray[np.uint8]]:
    for portion in added.portions:
        pixels = portion.block.pixels
        for row in portion.rows:
            yield np.ascontiguousarray(pixels[row])


def _write_png(path: Path, pixels: NDArray[np.uint8], row: Row, origin: Origin) -> None:
    said = {
        "Description": SAYS,
        "Software": f"augsearch {origin.version}",
        "augsearch.synthetic": "yes",
        "augsearch.study": origin.study,
        "augsearch.run": origin.run,
        "augsearch.arm": origin.arm,
        "augsearch.source": row.source,
        "augsearch.kind": row.kind,
        "augsearch.class": row.label,
        "augsearch.fold": str(origin.fold),
        "augsearch.stream": str(origin.stream),
        "augsearch.number": str(row.number),
        "augsearch.sha256": row.sha256,
        "augsearch.generator": row.generator,
    }
    info = PngInfo()
    for key, text in said.items():
        info.add_itxt(key, text)
    shown = pixels.squeeze(2) if pixels.shape[2] == 1 else pixels
    Image.fromarray(shown).save(path, format="PNG", pnginfo=info)


def _write_dicom(path: Path, pixels: NDArray[np.uint8], row: Row, origin: Origin) -> None:
    from augsearch.export.dicom import write_secondary_capture

    write_secondary_capture(path, pixels, row, origin)


_WRITERS = {"png": _write_png, "dicom": _write_dicom}
