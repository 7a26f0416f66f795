"""A process of its own that decompresses frames: damaged ones can crash the decoders, which are C.

Run as a script by `frames`, so it imports nothing of augsearch. It reads requests from its standard
input, a line of JSON and the bytes of the pixel data, and answers each on its standard output with
a line of JSON and the bytes of the pixels.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np

_PLUGINS = {
    "1.2.840.10008.1.2.4.50": "pillow",
    "1.2.840.10008.1.2.4.51": "pillow",
    "1.2.840.10008.1.2.4.57": "gdcm",
    "1.2.840.10008.1.2.4.70": "gdcm",
    "1.2.840.10008.1.2.4.80": "gdcm",
    "1.2.840.10008.1.2.4.81": "gdcm",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
    "1.2.840.10008.1.2.5": "pydicom",
}
"""One decoder for each transfer syntax, so that a file gives the same pixels everywhere."""

_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_MOST_BYTES = 4 << 30
"""Address space; what a stream unpacks to is known only when it is unpacked."""


def _decode(syntax: str, options: dict[str, Any], source: bytes) -> np.ndarray[Any, Any]:
    from PIL import Image
    from pydicom.pixels.decoders.base import get_decoder

    Image.MAX_IMAGE_PIXELS = None  # the caller has compared the size with its own limit
    plugin = _PLUGINS[syntax]
    # GDCM's cannot do these; pyjpegls takes half a minute to find some small streams damaged.
    if syntax in _JPEG_LS and options["bits_stored"] in (6, 7):
        import_module("jpeg_ls")  # pydicom's word for its absence would be that of damage
        plugin = "pyjpegls"
    pixels, _ = get_decoder(syntax).as_array(
        source, index=0, raw=True, decoding_plugin=plugin, **options
    )
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<"))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    for line in requests:
        request = json.loads(line)
        source = requests.read(request["length"])
        try:
            pixels = _decode(request["syntax"], request["options"], source)
            answer = {"dtype": pixels.dtype.str, "shape": pixels.shape}
            body = pixels.tobytes()
        except ImportError as error:
            answer, body = {"missing": error.name}, b""
        except Exception as error:  # whatever a decoder thinks of damaged bytes
            answer, body = {"error": type(error).__name__}, b""
        answers.write(json.dumps(answer).encode() + b"\n" + body)
        answers.flush()


def _limit_memory() -> None:
    if sys.platform == "win32":  # has no such limits
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MOST_BYTES if hard == resource.RLIM_INFINITY else min(_MOST_BYTES, hard)
    with suppress(ValueError):  # macOS maps more than that into every process, and refuses
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    _limit_memory()
    warnings.simplefilter("ignore")
    # Decoders print to the standard output too, which must hold answers alone.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve(sys.stdin.buffer, answers)
