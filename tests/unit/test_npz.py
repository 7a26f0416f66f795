"""Archives from anywhere: nothing is unpickled, and nothing is larger in memory than it must be."""

import io
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from augsearch.errors import DataError
from augsearch.npz import open_npz


def archive(folder: Path, content: bytes, how: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "x.npz"
    with zipfile.ZipFile(path, "w", how) as file:
        file.writestr("a.npy", content)
    return path


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def claims(shape: str, dtype: str = "|u1") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_those_of_the_whole_array(tmp_path: Path, order: str) -> None:
    array = np.asarray(np.arange(24, dtype=">i4").reshape(2, 3, 4), order=order)
    with open_npz(archive(tmp_path, npy(array))) as file:
        assert file.header("a").shape == (2, 3, 4)
        np.testing.assert_array_equal(np.stack(list(file.rows("a"))), array)
        np.testing.assert_array_equal(file.array("a"), array)


def test_rows_take_the_memory_of_one(tmp_path: Path) -> None:
    """128 MiB of images."""
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file, file.open("a.npy", "w") as one:
        one.write(claims("(128, 1024, 1024)"))
        for _ in range(128):
            one.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_npz(path) as file:
        assert sum(row.shape == (1024, 1024) for row in file.rows("a")) == 128
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_what_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, claims("(20, 1024, 1024)") + bytes(20 * 2**20))
    assert path.stat().st_size < 2**16
    with open_npz(path) as file, pytest.raises(DataError, match="times its size"):
        next(file.rows("a"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy(np.array([print], object)), "nothing in a file of images is ever run"),
        (claims("(1000000000000,)"), "must have at most 268,435,456 bytes but claims"),
        (claims("(9,)"), "ends too early"),
        (claims("(-9,)"), "is none"),
        (claims("(9L,)"), "cannot be read"),
        (b"\x93NUMPY\1\0\xff\xff", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with (
        open_npz(archive(tmp_path, content)) as file,
        pytest.raises(DataError, match=words),
    ):
        file.array("a")


def test_an_image_has_a_size(tmp_path: Path) -> None:
    with (
        open_npz(archive(tmp_path, claims("(2, 100000, 100000)"))) as file,
        pytest.raises(DataError, match="must fit into 1 GiB"),
    ):
        next(file.rows("a"))
