"""Hostile MedMNIST files: objects that would be unpickled, wrong shapes, lying headers, bombs."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hostile.arena import RAN, Case
from hostile.mutations import mutated
from hostile.pictures import act

__all__ = ["act", "cases"]

STUDY = b"""\
[images]
size = 8
[data]
kind = "medmnist"
path = "data.npz"
%s
[arms.real]
"""
KEYS = [f"{part}_{what}" for part in ("train", "val", "test") for what in ("images", "labels")]


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, (f"touch {RAN}",)


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    """Return an array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def lying(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """Return a .npy file with any header."""
    text = header.encode("latin1", errors="replace") + b"\n"
    size = len(text).to_bytes(2 if version == b"\1\0" else 4, "little")
    return b"\x93NUMPY" + version + size + text + body


@functools.cache
def _objects() -> bytes:
    return npy(np.array([Payload(), 1], dtype=object), pickled=True)


_ARRAYS = st.one_of(
    st.sampled_from(
        [
            np.zeros((4, 9, 9), np.uint8), np.zeros((4, 9, 9, 3), np.uint8),
            np.zeros((4, 9, 9), np.uint8), np.zeros((4, 0, 9), np.uint8), np.zeros((0, 9, 9)),
            np.full((4, 9, 9), np.nan), np.zeros((4, 9, 9), np.int64), np.zeros((4, 9, 9), bool),
            np.zeros((4, 9, 9), complex), np.zeros((4, 9, 9), "M8[s]"), np.zeros((4, 9, 9), "S3"),
            np.zeros((4, 9, 9), [("a", "u1"), ("b", "f4")]), np.zeros((4, 9, 9, 3, 1), np.uint8),
            np.zeros((4, 9, 9), ">f8"), np.zeros((4, 9, 9), np.float16), np.zeros((4,), "V7"),
            np.full((4, 9, 9), 2**63, np.uint64), np.zeros((4, 9, 9), np.longdouble),
            np.array(3), np.zeros((4, 9)), np.zeros((2**20, 0)), np.zeros((0,)),
            np.array([0, 1, 0, 1]), np.array([[0], [1], [1], [0]]), np.eye(4, dtype=int),
            np.array([0, 1, 0, 1], np.uint64) + np.uint64(2**63), np.array([-1, 0, 1, 2]),
            np.array([0.5, 1, 0, 1]), np.array(["0", "1", "0", "1"]), np.array([[0, 1]] * 4),
            np.array([True, False, True, False]), np.array([0, 10**9, 0, 1]),
            np.zeros((4, 1, 1), int),
        ]
    ).map(npy)
)  # fmt: skip
_HEADERS = st.sampled_from(
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 9, 9), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (4000000000,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 9, 9), }",
        "{'descr': '|u1', 'fortran_order': True, 'shape': (4, 9, 9), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-4, 9, 9), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 100000, 100000), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 1), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<U1000000', 'fortran_order': False, 'shape': (9,), }",
        "{'descr': '|V2147483647', 'fortran_order': False, 'shape': (9,), }",
        "{'descr': [('a', '|u1')] * 3, 'fortran_order': False, 'shape': (9,), }",
        "{'descr': __import__('os').system('touch code-was-run'), 'shape': ()}",
        "{'descr': ',,', 'fortran_order': False, 'shape': (9,), }",
        "(" * 200 + ")" * 200,
        "{'descr': '|u1', 'fortran_order': False, 'shape': (9L,), }",
        "'" * 9000,
        "{" + "'a': 1," * 1000 + "}",
        "\0",
        "",
    ]
)
_BYTES = st.one_of(
    _ARRAYS,
    _ARRAYS,
    _ARRAYS,
    st.builds(
        lying, _HEADERS, st.binary(max_size=400), st.sampled_from((b"\1\0", b"\2\0", b"\3\0"))
    ),
    st.deferred(lambda: st.just(_objects())),
    _ARRAYS.flatmap(mutated),
    st.binary(max_size=40),
)


@st.composite
def _archives(draw: st.DrawFn) -> bytes:
    """Put good arrays under the names that are wanted, and others in place of some."""
    members = {"train_images.npy": npy(np.zeros((4, 9, 9), np.uint8))}
    members["train_labels.npy"] = npy(np.array([0, 1, 0, 1]))
    if draw(st.booleans()):
        members["test_images.npy"] = members["train_images.npy"]
        members["test_labels.npy"] = members["train_labels.npy"]
    for key in draw(st.lists(st.sampled_from(KEYS), max_size=2, unique=True)):
        members[f"{key}.npy"] = draw(_BYTES)
    file = io.BytesIO()
    how = draw(
        st.sampled_from(
            (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        )
    )
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if draw(st.integers(0, 9)) == 0:
            archive.writestr(
                draw(st.sampled_from(("../outside/x", "/etc/x", "train_images", "a\0b"))), b"x"
            )
    content = file.getvalue()
    return draw(mutated(content)) if draw(st.integers(0, 2)) == 0 else content


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return small archives that become very large."""
    return (
        _bomb("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 64, 64), }", 4096, 2**26),
        _bomb("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 9, 9), }", 648, 2**26),
        _bomb(
            "{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }",
            8,
            2**26,
            "train_labels.npy",
        ),
        _bomb(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 9000, 9000), }",
            81_000_000,
            2**26,
        ),
    )


def _bomb(header: str, each: int, size: int, name: str = "train_images.npy") -> bytes:
    count = size // each
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(name, "w", force_zip64=True) as member:
            member.write(lying(header % count))
            for _ in range(size >> 20):
                member.write(bytes(2**20))
        if name == "train_images.npy":
            labels = np.arange(min(count, 2**22), dtype=np.uint8) % 2
            archive.writestr("train_labels.npy", npy(labels))
        else:
            archive.writestr("train_images.npy", npy(np.zeros((4, 9, 9), np.uint8)))
    return file.getvalue()


@st.composite
def cases(draw: st.DrawFn, bulk: bool = True) -> Case:
    """Give a study with a .npz file."""
    large = bulk and draw(st.integers(0, 300)) == 0
    if large:
        content = draw(st.deferred(lambda: st.sampled_from(bombs())))
    else:
        other = st.one_of(_BYTES, st.deferred(lambda: st.just(_objects())), st.binary(max_size=64))
        content = draw(st.one_of(_archives(), _archives(), _archives(), other))
    classes = draw(st.sampled_from((b"", b"", b'classes = ["a", "b"]')))
    return Case({"data.npz": content, "study.toml": STUDY % classes})
