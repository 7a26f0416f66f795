"""Study files side by side: as flat parameters, and how one differs from another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from augsearch.study.schema.study import StudyFile

_WITHOUT_EFFECT = ("tracking.", "audit.on_fail", "max_hours")


_ORDERED = (("arms",), ("data", "contains"), ("external", "contains"), ("tune", "parameters"))
"""Tables whose order counts: it decides the baseline, the positive class, the settings' numbers."""


def flatten(study: StudyFile) -> dict[str, str]:
    """Return every setting, defaults included, as dotted key and JSON text.

    Tables in lists count from 0 (``arms.x.add.0.source``); other lists are one value. Paths are
    absolute.
    """
    return dict(_leaves(study.model_dump(mode="json"), ""))


def differences(old: Mapping[str, Any], new: StudyFile) -> list[str]:
    """Return one line per setting that differs, ``sources.acgan.iterations: 2000 -> 3000``.

    Where MLflow keeps the runs changes no number, nor does what happens after a failed audit or how
    long a run may work at a time, so [tracking], audit.on_fail and max_hours are left out.

    Args:
        old: ``model_dump(mode="json")`` of the earlier study, as read back from a file.
        new: The study now.
    """
    found = differing([old, new.model_dump(mode="json")])
    return [f"{key}: {before} -> {after}" for key, (before, after) in found.items()]


def differing(studies: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the settings that are not the same in all studies: dotted key -> each one's value.

    Args:
        studies: ``model_dump(mode="json")`` of each, as read back from a file.
    """
    flat = [dict(_leaves(study, "")) for study in studies]
    keys = dict.fromkeys(key for one in flat for key in one)
    found = {key: [one.get(key, "(not there)") for one in flat] for key in keys}
    found |= dict(_orders(studies))
    return {
        key: values
        for key, values in found.items()
        if len(set(values)) > 1 and not key.startswith(_WITHOUT_EFFECT)
    }


def _orders(studies: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Yield in which order each study has the names that all have in a table."""
    for place in _ORDERED:
        names = [list(_table(one, place)) for one in studies]
        common = set(names[0]).intersection(*names)
        yield (
            f"order of {'.'.join(place)}",
            [
                json.dumps([name for name in own if name in common], ensure_ascii=False)
                for own in names
            ],
        )


def _table(study: Mapping[str, Any], place: Sequence[str]) -> Mapping[str, Any]:
    """Return a table of a study; an empty one if it has none."""
    for key in place:
        study = study.get(key) or {}
    return study


def _leaves(value: Any, key: str) -> Iterator[tuple[str, str]]:
    children: Mapping[Any, Any] = {}
    if isinstance(value, Mapping):
        children = value
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        children = dict(enumerate(value))
    if not children:
        yield key, json.dumps(value, ensure_ascii=False)
    for name, child in children.items():
        yield from _leaves(child, f"{key}.{name}" if key else str(name))
