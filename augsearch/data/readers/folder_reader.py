"""Lists images that lie in one folder per class."""

from __future__ import annotations

from pathlib import Path

from augsearch.data.conventions import IMAGE_SUFFIXES
from augsearch.data.readers.folders import composed, images_below, subfolders, visible
from augsearch.data.readers.listing import Entry, Listing, choose, files_of, stamps_of
from augsearch.errors import DataError
from augsearch.messages import hint, lines, names
from augsearch.study.patterns import Pattern, compiled
from augsearch.study.schema.data import FolderData


def read_folder(data: FolderData) -> Listing:
    """List the PNG, JPEG, TIFF and BMP files of the class folders.

    Hidden files are passed over; other files and folders inside a class folder are left out with
    a warning. An image's name is "CLASS/FILE". Without `group_pattern` each image is a group.

    Raises:
        DataError: No class folder, a class that is not there or has no images, or a file name
            that `group_pattern` does not match.
    """
    folders = class_folders(data.path, data.classes)
    pattern = compiled(data.group_pattern) if data.group_pattern else None
    entries: list[Entry] = []
    ignored: list[str] = []
    unmatched: list[str] = []
    for label, folder in folders.items():
        before = len(entries)
        for path in visible(folder):
            name = f"{label}/{path.name}"
            if path.suffix.lower() not in IMAGE_SUFFIXES:
                ignored.append(name)
                continue
            group = _patient(path.name, pattern) if pattern else name
            if not group:
                unmatched.append(name)
            entries.append(Entry(name, label, group, path=path))
        if len(entries) == before:
            remedy = (
                'move up those in its folders, or write a table of them (data.kind = "csv")'
                if images_below(folder)
                else "remove the folder, list the class folders to use in data.classes, or set "
                'data.kind = "dicom" if it holds DICOM files'
            )
            raise DataError(
                f"{folder} must hold images of class {label!r} but has no PNG, JPEG, TIFF or "
                f"BMP file; {remedy}"
            )
    if unmatched:
        raise DataError(
            f"data.group_pattern = {data.group_pattern!r} must find the patient in every file name "
            f"but finds none in {len(unmatched)} of {len(entries)}:{lines(unmatched)}"
        )
    kept, classes, warnings = choose(entries, data.classes)
    if ignored:
        warnings += (
            f"{len(ignored)} files or folders are not images and are left out: {names(ignored, 5)}",
        )
    return Listing(kept, classes, files_of, stamps_of(kept), warnings)


def class_folders(path: Path, classes: tuple[str, ...] | None) -> dict[str, Path]:
    """Return the folders of the classes to use, by class, sorted by their names.

    Raises:
        DataError: There are none, or one of `classes` is not there.
    """
    found = {composed(folder.name): folder for folder in subfolders(path)}
    if not found:
        raise DataError(
            f"{path} must hold one folder of images per class but has no folders; for a table of "
            'images and labels use data.kind = "csv"'
        )
    for label in classes or ():
        if composed(label) not in found:
            raise DataError(
                f"{path} has no folder for class {label!r}{hint(label, found)}; "
                f"the folders there are {names(found)}"
            )
    spelt = {composed(label): label for label in classes or found}
    return {spelt[name]: folder for name, folder in found.items() if name in spelt}


def _patient(file_name: str, pattern: Pattern) -> str:
    match = pattern.search(file_name.encode(errors="replace").decode())
    return (match.group(1) or "") if match else ""
