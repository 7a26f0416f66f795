import os
from pathlib import Path

import pytest

from augsearch.reading import read_whole


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_whole(tmp_path / "a", 5) == b"12345"


def test_what_is_too_large_or_never_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "a", "5 bytes, more than the 4"),
        (tmp_path / "pipe", "a device or a pipe"),
        (Path("/dev/zero"), "a device or a pipe"),
    ):
        with pytest.raises(OSError, match=words):
            read_whole(path, 4)
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path, 4)
