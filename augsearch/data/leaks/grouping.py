"""Signs that images of one patient are taken for those of several: no groups, or wrong ones."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath

from augsearch.data.dataset import Dataset
from augsearch.study.schema.data import CsvData, DataOptions, DicomData, FolderData

_NUMBERED = re.compile(r"(.*\d.*?)[\s_.-]+\(?\d+\)?")
"""A file name without suffix: something with a number, a separator, a running number."""
_LEAST_SHARE = 0.2
_FEWEST_PREFIXES = 5
_MOST_IMAGES = 20


def wrong_group_column(dataset: Dataset, data: DataOptions) -> str | None:
    """Say so if the group column seems to be none of patients.

    That each image has another value is what an honest column says of patients with one image
    each. It is doubted if it is the column of the images, or if file names tell of patients with
    several.
    """
    if not isinstance(data, CsvData | DicomData) or data.group_column is None:
        return None
    count = len(dataset.images)
    if len(dataset.group_names) < count:
        return None
    told = _told(dataset.images.names)
    if told is not None:
        why = f"though {told}"
    elif data.group_column == data.image_column:
        why = "being the column of the images"
    else:
        return None
    return (
        f"data.group_column = {data.group_column!r} has another value for each of the {count} "
        f"images, {why}; name the column of the patient, or leave group_column out if every "
        "patient has one image"
    )


def shared_patients(dataset: Dataset, external: Dataset | None, data: DataOptions) -> str | None:
    """Say so if DICOM patients of the external set are the study's: one ID has one pseudonym."""
    if external is None or not isinstance(data, DicomData):
        return None
    both = set(dataset.group_names) & set(external.group_names)
    if not both:
        return None
    return (
        f"{len(both)} of {len(external.group_names)} patients of the external set have the ID of a "
        "patient of the study; take them out of one of the two, or name the patients in tables "
        "(group_column) if two hospitals number theirs alike"
    )


def telling_names(dataset: Dataset, data: DataOptions) -> str | None:
    """Say so if no group is given while file names seem to have a patient and a running number."""
    given = {FolderData: "group_pattern", CsvData: "group_column"}.get(type(data))
    if given is None or getattr(data, given) is not None:
        return None
    told = _told(dataset.images.names)
    return None if told is None else f"{told}, but data.{given} is not set; set it if they are"


def _told(names: Sequence[str]) -> str | None:
    """Return what tells that file names have a patient and a running number, if they seem to.

    They do if a fifth of the images share all of their name but a number at its end with others,
    that part of the name has a number itself ("IM-0115" of "IM-0115-0001.jpeg"), there are five
    such names or more, and none has more than 20 images.
    """
    shared = _shared_prefixes(names)
    count = sum(map(len, shared))
    if count < _LEAST_SHARE * len(names) or len(shared) < _FEWEST_PREFIXES:
        return None
    if max(map(len, shared)) > _MOST_IMAGES:
        return None
    one, other = shared[0][:2]
    return (
        f"{count} of {len(names)} images have names like {one!r} and {other!r}, as images of one "
        "patient may have"
    )


def _shared_prefixes(names: Sequence[str]) -> list[list[str]]:
    """Return the names that share all but the number at their end with others."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        found = _NUMBERED.fullmatch(PurePath(name).stem)
        if found:
            alike[found[1]].append(name)
    return [group for group in alike.values() if len(group) > 1]
