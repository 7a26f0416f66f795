"""Who is in a DICOM file: patients under pseudonyms, and files under names that tell nobody."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from augsearch.data.readers.dicom.tags import damage_of, read_header
from augsearch.errors import DataError, StorageError
from augsearch.files import replacing

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SALT = "patients.salt"
_SALT_BYTES = 32
_DIGITS = 16
_SHORTEST_INSIDE = 4
"""Shorter values are looked for as whole words only: a patient 1 is not in "image10". The other
way round, a value must not begin with a word of so many letters."""
_PERSONS = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName")
_IDENTIFYING = (
    *_PERSONS,
    "PatientID",
    "OtherPatientIDs",
    "PatientBirthDate",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "AccessionNumber",
    "StudyID",
    "InstitutionName",
    "InstitutionAddress",
    "InstitutionalDepartmentName",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "OperatorsName",
    "StationName",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)
"""Keywords of attributes whose values must not be written: PS3.15, table E.1-1, in the main."""


@dataclass(frozen=True, repr=False)
class Person:
    """What a file says about whom it shows; held in memory alone.

    Attributes:
        patient: Patient ID; empty if there is none.
        study: Study Instance UID; empty if there is none.
        values: What would tell the person: lower case, letters and digits alone.
    """

    patient: str
    study: str
    values: frozenset[str]


def read_person(path: Path) -> Person | None:
    """Read whom a file shows; None if its header cannot be read, which decoding it will tell."""
    try:
        header = read_header(path, _IDENTIFYING)
    except DataError:
        return None
    return Person(
        patient="".join(_texts(header, "PatientID")).strip(" \0"),
        study="".join(_texts(header, "StudyInstanceUID")).strip(" \0"),
        values=frozenset(_values(header)) - {""},
    )


def study_salt(folder: Path) -> bytes:
    """Return the secret of the run whose artifacts are in `folder`; make it if there is none.

    It is random, not derived from the study: whoever knows how it is made could try all patient
    IDs. No number depends on it.

    Raises:
        StorageError: It cannot be written, or is damaged.
    """
    path = folder / _SALT
    if not path.exists():
        with replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_SALT_BYTES))
    salt = path.read_bytes()
    if len(salt) != _SALT_BYTES:
        raise StorageError(
            f"{path} must hold {_SALT_BYTES} bytes but holds {len(salt)}. Remove it to have it "
            "made again."
        )
    return salt


def pseudonym(salt: bytes, person: str) -> str:
    """Return what stands for a patient in everything that is written: HMAC-SHA-256, 16 digits."""
    return hmac.new(salt, person.encode(errors="backslashreplace"), hashlib.sha256).hexdigest()[
        :_DIGITS
    ]


def discreet(name: str, number: int, values: Iterable[str]) -> str:
    """Return a file's name with "#number" in place of every part that holds one of `values`.

    Args:
        name: Folders and file, separated by "/".
        number: Place of the file in its listing, from 1.
        values: As in `Person`.
    """
    own = tuple(values)
    return "/".join(f"#{number}" if _tells(part, own) else part for part in name.split("/"))


def _tells(part: str, values: Iterable[str]) -> bool:
    words = [_plain(word) for word in re.split(r"[\W_]+", part)]
    ends = range(len(words) + 1)
    runs = {"".join(words[first:end]) for end in ends for first in range(end)}
    together = "".join(words)
    long_words = [word for word in words if len(word) >= _SHORTEST_INSIDE and word.isalpha()]
    return any(
        value in runs
        or (len(value) >= _SHORTEST_INSIDE and value in together)
        or any(value.startswith(word) for word in long_words)
        for value in values
    )


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _values(header: Dataset) -> Iterator[str]:
    for keyword in _IDENTIFYING:
        for text in _texts(header, keyword):
            yield _plain(text)
            if keyword.endswith("Name") or keyword in _PERSONS:
                yield from (_plain(word) for word in re.split(r"[\W_]+", text))


def _texts(header: Dataset, keyword: str) -> list[str]:
    """Return the values of an attribute; a damaged one has none, and does not hide the others."""
    with suppress(DataError), damage_of("header"):
        value = header.get(keyword)
        values = value if isinstance(value, MutableSequence) else [value]
        return [str(one) for one in values if one is not None]
    return []
