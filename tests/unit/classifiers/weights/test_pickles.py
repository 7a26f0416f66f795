"""What torch would stumble over in a weight file is refused before torch reads it."""

import io
import zipfile
from pathlib import Path

import pytest
import torch

from augsearch.classifiers.weights.loading import read_weights
from augsearch.classifiers.weights.pickles import check_pickles
from augsearch.errors import WeightsError

GOOD = {"conv1.weight": torch.arange(108.0).reshape(4, 3, 3, 3), "conv1.bias": torch.ones(4)}


def laughs(levels: int) -> bytes:
    """Return a dictionary with one key: ((x, x), (x, x)) and so on, so many levels deep."""
    body = b")q\0"
    for level in range(1, levels):
        one = bytes([level - 1])
        body += b"0h" + one + b"h" + one + b"\x86q" + bytes([level])
    return b"\x80\x02}" + body + b"K\1s."


def repacked(path: Path, how: int, pickle: bytes | None = None) -> Path:
    """Write a file of torch.save again, compressed or with another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(file, "w", how) as new:
        for name in old.namelist():
            is_pickle = name.endswith("data.pkl") and pickle is not None
            new.writestr(name, pickle if is_pickle else old.read(name))
    path.write_bytes(file.getvalue())
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_files_of_torch_save_pass(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "w.pt"
    torch.save(GOOD, path, _use_new_zipfile_serialization=not legacy)
    check_pickles(path)
    torch.testing.assert_close(read_weights(path, "conv1"), GOOD)


def test_a_key_that_takes_for_ever_to_hash_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(laughs(60))
    with pytest.raises(WeightsError, match="a tuple in it has more entries"):
        read_weights(path, "conv1")
    torch.save(GOOD, path)
    with pytest.raises(WeightsError, match="a tuple in it has more entries"):
        read_weights(repacked(path, zipfile.ZIP_STORED, laughs(60)), "conv1")
    path.write_bytes(laughs(5))
    with pytest.raises(ValueError, match="exhausted"):  # one pickle, no more: no file of torch
        check_pickles(path)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save(GOOD, path)
    with pytest.raises(WeightsError, match="its archive is compressed"):
        read_weights(repacked(path, zipfile.ZIP_DEFLATED), "conv1")
