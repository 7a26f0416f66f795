"""A look at the pickles in a file of torch.save before torch reads them.

`torch.load(weights_only=True)` runs nothing that it does not know, but a file of a few hundred
bytes can still stop it for years (a tuple of tuples of tuples, each twice, takes 2^n steps to hash)
or fill the memory (an archive that unpacks to a thousand times its size). Both are seen from the
instructions and the directory alone.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import IO

_LARGEST_TUPLE = 100_000
"""Entries of a tuple with all that is in it, written out; a state dict's have a dozen."""

_PICKLES = 5
"""In a file of the older format: magic number, protocol, system, content, keys."""

_PUT = ("PUT", "BINPUT", "LONG_BINPUT")
_GET = ("GET", "BINGET", "LONG_BINGET")
_SMALL_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def check_pickles(path: Path) -> None:
    """Refuse a file that unpacks, or whose pickles expand, to more than they can need.

    Raises:
        ValueError: Says why, in half a sentence.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            for _ in range(_PICKLES):
                _check_tuples(file)
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            # torch.save squeezes nothing, so that what is there is what it takes.
            is_plain = member.compress_type == zipfile.ZIP_STORED
            if not is_plain or member.file_size > member.compress_size:
                raise ValueError("its archive is compressed, which torch.save never does")
            if member.filename.endswith(".pkl"):
                with archive.open(member) as file:
                    _check_tuples(file)


def _check_tuples(file: IO[bytes]) -> None:
    """Follow the sizes of tuples through the instructions of one pickle; nothing is made."""
    stack: list[int] = []
    marks: list[int] = []
    memo: dict[int, int] = {}
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name == "MARK":
            marks.append(len(stack))
        elif name in _PUT:
            memo[int(argument or 0)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _GET:
            stack.append(memo[int(argument or 0)])
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "TUPLE" or name in _SMALL_TUPLES:
            start = marks.pop() if name == "TUPLE" else len(stack) - _SMALL_TUPLES[name]
            size = 1 + sum(stack[start:])
            if size > _LARGEST_TUPLE:
                raise ValueError("a tuple in it has more entries than any of a state dict")
            stack[start:] = [size]
        else:
            _follow(opcode, stack, marks)


def _follow(opcode: pickletools.OpcodeInfo, stack: list[int], marks: list[int]) -> None:
    """Take from the stack what any other instruction takes, and put ones in place."""
    taken = list(opcode.stack_before)
    if pickletools.markobject in taken:
        del stack[marks.pop() :]
        taken = taken[: taken.index(pickletools.markobject)]
    if len(taken) > len(stack):
        raise ValueError("its instructions take more than there is")
    del stack[len(stack) - len(taken) :]
    stack += [1] * len(opcode.stack_after)
