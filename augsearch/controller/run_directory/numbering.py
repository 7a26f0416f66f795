"""Which run of a study a command means: runs/NAME, or one that `--fresh` made beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from augsearch.controller.run_directory.sharing import NO_STORES, Stores
from augsearch.files import read_json
from augsearch.storage import folders


def latest(base: Path, study: str, stores: Stores = NO_STORES) -> Path:
    """Return the newest of `base`, `base`-2, `base`-3 ... of the study; `base` if there is none.

    A study may itself be called as another one with a number behind it.

    Args:
        base: The directory of its first run.
        study: Its name.
        stores: Runs of other machines count too, if they are in a store of these.
    """
    own = [
        (number, path)
        for number, path in _here(base)
        if path != base and _name_in(read_json(path / "study.json")) == study
    ]
    own += [
        (number, path)
        for number, path in _elsewhere(base, stores)
        if path != base and _study_in(path, stores) == study
    ]
    return max(own)[1] if own else base


def following(base: Path, stores: Stores = NO_STORES) -> Path:
    """Return the one after the newest of `base`, `base`-2 ...; `base` if there is none."""
    found = _here(base) + _elsewhere(base, stores)
    return base.with_name(f"{base.name}-{max(found)[0] + 1}") if found else base


def _number(base: Path, name: str) -> int | None:
    match = re.fullmatch(re.escape(base.name) + r"-(\d+)", name)
    return int(match[1]) if match else None


def _here(base: Path) -> list[tuple[int, Path]]:
    found = [(1, base)] if base.exists() else []
    if base.parent.is_dir():
        for path in base.parent.iterdir():
            number = _number(base, path.name)
            if number is not None and (path / "study.json").exists():
                found.append((number, path))
    return found


def _elsewhere(base: Path, stores: Stores) -> list[tuple[int, Path]]:
    """Return the runs of that name in the artifact store, as directories that may not be here."""
    if stores.artifacts is None:
        return []
    names = folders(stores.artifacts)
    found = [(1, base)] if base.name in names else []
    for name in names:
        number = _number(base, name)
        if number is not None:
            found.append((number, base.with_name(name)))
    return found


def _study_in(path: Path, stores: Stores) -> Any:
    """Return the name of the study that a run in the artifact store is of."""
    store = stores.store_of(path)
    text = store.read("study.json") if store is not None else None
    return None if text is None else _name_in(json.loads(text))


def _name_in(study: Any) -> Any:
    """Return the name in a study.json, which may be somebody else's of the same name."""
    return study.get("name") if isinstance(study, dict) else None
