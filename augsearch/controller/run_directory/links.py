"""Symbolic links in a run directory, and what is neither file nor folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from augsearch.errors import RunDirectoryError
from augsearch.files import real_path
from augsearch.messages import lines


def no_ways_out(path: Path) -> None:
    """Refuse a run with links that lead out of it, pipes or devices.

    What is written to a link would land elsewhere; reading a pipe may never end.
    """
    out = [
        str(place)
        for place in _odd_entries(path)
        if not place.is_symlink() or not real_path(place).is_relative_to(path)
    ]
    if out:
        raise RunDirectoryError(
            f"{path} must hold files, folders and links within it alone, since a run keeps to its "
            f"own directory, but has links that lead out of it, pipes or devices:{lines(out)}\n"
            "Remove them, or put what they lead to in their places. The directory itself may be a "
            "link."
        )


def _odd_entries(folder: str | Path) -> Iterator[Path]:
    """Yield everything below a folder that is neither file nor folder: links, pipes, devices."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _odd_entries(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
