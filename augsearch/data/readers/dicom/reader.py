"""Lists DICOM files that lie in one folder per class, or that a table names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.data.conventions import is_dicom
from augsearch.data.readers.csv_reader import read_csv
from augsearch.data.readers.dicom.decoding import decode_dicom
from augsearch.data.readers.dicom.frames import FrameDecoder
from augsearch.data.readers.dicom.packages import need_dicom
from augsearch.data.readers.dicom.patients import (
    Person,
    discreet,
    pseudonym,
    read_person,
    study_salt,
)
from augsearch.data.readers.folder_reader import class_folders
from augsearch.data.readers.folders import files_below
from augsearch.data.readers.listing import Entry, Listing, choose, files_of, stamps_of
from augsearch.errors import DataError
from augsearch.study.schema.data import DicomData, Images


def read_dicom(data: DicomData, artifacts: Path) -> Listing:
    """List the DICOM files of class folders and all folders in them, or of a table.

    A group is the patient ID, or else the study, or else the file; or the table's group column. It
    is written as a pseudonym. An image's name is "CLASS/PATH", or its path in the table, in which
    "#17" stands for what would tell a person; 17 is the image's place in the list of files, which
    is sorted by path, or in the table. Hidden files are passed over; files that are no DICOM are
    left out with a warning.

    Args:
        data: Where the files are.
        artifacts: The run's folder of artifacts, where the salt of the pseudonyms is kept.

    Raises:
        DataError: No class folder, a class that is not there or has no DICOM file; what is wrong
            with a table (see `read_csv`); a package is not installed.
        StorageError: The salt cannot be written or read.
    """
    need_dicom()
    listing = _of_folders(data) if data.path.is_dir() else read_csv(data)
    persons = [read_person(entry.path) for entry in listing.entries if entry.path]
    told = frozenset().union(*(person.values for person in persons if person))
    salt = study_salt(artifacts)
    entries = tuple(
        _pseudonymous(entry, number, person, told, data, salt)
        for number, (entry, person) in enumerate(zip(listing.entries, persons, strict=True), 1)
    )
    warnings = [*listing.warnings]
    if data.group_column is None:
        warnings += _grouping_warnings(persons)
    return replace(
        listing,
        entries=entries,
        warnings=tuple(warnings),
        decode=_Decoding(entries),
    )


class _Decoding:
    """Decodes files, and names them in errors as the listing does."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._name_of = {entry.path: entry.name for entry in entries}
        self._frames = FrameDecoder()

    def __call__(self, path: Path, images: Images) -> NDArray[np.uint8]:
        try:
            return decode_dicom(path, images, self._frames)
        except DataError as error:
            raise DataError(f"{self._name_of[path]}: {error}") from None


def _pseudonymous(
    entry: Entry,
    number: int,
    person: Person | None,
    told: frozenset[str],
    data: DicomData,
    salt: bytes,
) -> Entry:
    group = entry.group
    if data.group_column is None and person:
        group = person.patient or person.study or entry.name
    values = person.values if person else told
    folder, name = f"{entry.label}/", entry.name
    if data.path.is_dir():  # the class is no secret, whatever a patient is called
        name = folder + discreet(name.removeprefix(folder), number, values)
    else:
        name = discreet(name, number, values)
    return replace(entry, name=name, group=pseudonym(salt, group))


def _of_folders(data: DicomData) -> Listing:
    entries: list[Entry] = []
    others = 0
    for label, folder in class_folders(data.path, data.classes).items():
        before = len(entries)
        for path in files_below(folder):
            if is_dicom(path):
                name = f"{label}/{path.relative_to(folder).as_posix()}"
                entries.append(Entry(name, label, name, path=path))
            else:
                others += 1
        if len(entries) == before:
            raise DataError(
                f"{folder} must hold images of class {label!r} but has no DICOM file; "
                "remove the folder, or list the class folders to use in data.classes"
            )
    kept, classes, warnings = choose(entries, data.classes)
    if others:
        warnings += (f"{others} files or links to folders are not DICOM and are left out",)
    return Listing(kept, classes, files_of, stamps_of(kept), warnings)


def _grouping_warnings(persons: Sequence[Person | None]) -> Iterator[str]:
    known = [person for person in persons if person]
    without = sum(not person.patient for person in known)
    if without:
        yield (
            f"{without} of {len(known)} DICOM files have no patient ID; of these, images of one "
            "study (Study Instance UID) are kept together, but a patient with two studies may be "
            "on both sides of the split; if there are any, name the patients in a table "
            "(data.group_column)"
        )
    if len(known) > 1 and not without and len({person.patient for person in known}) == 1:
        yield (
            f"all {len(known)} DICOM files have the same patient ID, as some anonymisations leave "
            "it; name the patients in a table (data.group_column)"
        )
