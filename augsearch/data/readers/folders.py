"""What lies in a folder: files and folders in the order of their names, hidden ones passed over."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from augsearch.data.conventions import IMAGE_SUFFIXES


def visible(folder: Path) -> list[Path]:
    """Return all that lies right in a folder and is not hidden."""
    found = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(found, key=lambda path: path.name)  # paths of Windows know no case


def composed(name: str) -> str:
    """Return a name with its accents as parts of their letters; macOS often keeps them apart."""
    return unicodedata.normalize("NFC", name)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders right in a folder."""
    return [path for path in visible(folder) if path.is_dir()]


def image_files(folder: Path) -> list[Path]:
    """Return the PNG, JPEG, TIFF and BMP files right in a folder."""
    return [path for path in visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and all below it; links to folders are not descended."""
    found = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place) / name for name in files + links if not name.startswith(".")]
    return sorted(found, key=lambda path: path.parts)


def images_below(folder: Path) -> bool:
    """Whether the folders in a folder, however deep, hold image files."""
    below = (path for path in files_below(folder) if path.parent != folder)
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in below)
