"""Decompresses the frame of a DICOM file in a process that may crash."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast, final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import DataError

_SCRIPT = Path(__file__).with_name("frame_worker.py")
_TIMEOUT_S = 60.0
_DAMAGED = "has pixel data that are truncated or damaged"
_NEEDS_PYJPEGLS = (
    "is JPEG-LS of 6 or 7 bits, which needs pyjpegls, which is not installed; run: pip install "
    "pyjpegls"
)


@final
class FrameDecoder:
    """Decompresses frames, one after the other, in one process that it starts at the first.

    A crash or a hang of a decoder ends that process, not this one; the next frame gets a new one.
    """

    def __init__(self, timeout_s: float = _TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = threading.Lock()

    def decode(self, syntax: str, options: Mapping[str, Any], source: bytes) -> NDArray[Any]:
        """Decompress one frame.

        Args:
            syntax: UID of the transfer syntax.
            options: The image's description, as pydicom's decoders take it.
            source: The value of Pixel Data, encapsulated.

        Returns:
            (rows, columns), whole numbers.

        Raises:
            DataError: The frame cannot be decoded.
        """
        request = {"syntax": syntax, "options": options, "length": len(source)}
        with self._asked:
            return self._answered(json.dumps(request).encode() + b"\n" + source)

    def _answered(self, request: bytes) -> NDArray[Any]:
        process = self._running()
        # It was started with pipes.
        to_it, from_it = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        hang = threading.Timer(self._timeout_s, process.kill)
        hang.start()
        try:
            to_it.write(request)
            to_it.flush()
            return _answer(from_it)
        except (OSError, EOFError):
            self.close()
            raise DataError(f"{_DAMAGED}: its decoder crashed or did not end") from None
        finally:
            hang.cancel()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._finalizer()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_SCRIPT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._finalizer = weakref.finalize(self, _end, self._process)
        return self._process


def _answer(answers: IO[bytes]) -> NDArray[Any]:
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer = json.loads(line)
    if "missing" in answer:
        raise DataError(_NEEDS_PYJPEGLS)
    if "error" in answer:
        raise DataError(f"{_DAMAGED} ({answer['error']})")
    dtype, shape = np.dtype(answer["dtype"]), answer["shape"]
    body = answers.read(dtype.itemsize * int(np.prod(shape)))
    return np.frombuffer(body, dtype=dtype).reshape(shape)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
