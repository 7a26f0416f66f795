"""Symbolic links in a run directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from augsearch.errors import RunDirectoryError
from augsearch.messages import lines


def no_links_out(path: Path) -> None:
    """Refuse a run with links that lead out of it: what is written to it would land there."""
    out = [link for link in _links(path) if not _lies_in(path, os.path.realpath(link))]
    if out:
        raise RunDirectoryError(
            f"{path} must hold no links that lead out of it, since a run writes into its own "
            f"directory and nowhere else, but has:{lines(out)}\nRemove them, or put what they "
            "lead to in their places. The directory itself may be a link."
        )


def _links(folder: str | Path) -> Iterator[str]:
    """Yield every symbolic link below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield entry.path
            elif entry.is_dir():
                yield from _links(entry.path)


def _lies_in(folder: Path, place: str) -> bool:
    return Path(place).is_relative_to(folder)
