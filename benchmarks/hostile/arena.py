"""Where hostile cases are laid out and judged: what came of one, and what it did to the machine.

    root/outside/    the canary: nothing in it may change, nothing may be added
    root/tmp/        temporary files may be written here
    root/case/       the files of the case; the working directory, and the only place to write

An audit hook sees every file that Python opens for writing, every rename, removal, process and
unpickling; a look at the canary and at ``root`` sees what libraries in C did.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from augsearch.errors import AugsearchError
from augsearch.study import metric_names
from augsearch.study.schema import tables

RAN = "code-was-run"
"""The file that a payload makes in the working directory when it is run."""
OUTSIDE = b"@OUTSIDE@"
"""Stands in the bytes of a case for the path of the canary folder."""
LONGEST_MESSAGE = 20_000

Verdict = Literal["accepted", "refused", "traceback", "written outside", "code run", "no message"]

OWN_PROCESS = "frame_worker.py"
"""What augsearch itself starts: the decoder of DICOM frames, which may crash."""

_RUNS = {
    *("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "os.spawn"),
    *("pickle.find_class", "socket.connect", "socket.getaddrinfo", "urllib.Request"),
}
_CHANGES = {
    **{"os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1, "os.chmod": 1},
    **{"os.rename": 2, "os.link": 2, "os.symlink": 2, "shutil.rmtree": 1, "sqlite3.connect": 1},
}
"""Events that change the file system, and how many of their arguments are paths."""
_FOLLOWING = ("open", "os.truncate", "os.chmod", "sqlite3.connect")
"""Events that act on what a link leads to; the others act on the link itself."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Case:
    """Files and links to lay out; paths are relative to the case's folder.

    Attributes:
        files: Path -> content.
        links: Path -> target of a symbolic link.
        pipes: Named pipes, in which nobody writes.
        copies: Path -> file elsewhere that is copied there.
    """

    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    pipes: Sequence[str] = ()
    copies: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a case: the verdict, and the message or the traceback's last words."""

    verdict: Verdict
    message: str = ""

    @property
    def good(self) -> bool:
        """Whether the input was used, or refused with a message, and nothing else happened."""
        return self.verdict in ("accepted", "refused")


class Arena:
    """One process's place for cases, one after the other. There can be one in a process."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.case = self.root / "case"
        self._seen: list[str] = []
        self._watching = False
        for name in ("outside/folder", "tmp"):
            (self.root / name).mkdir(parents=True)
        (self.root / "outside" / "file.txt").write_text("untouched")
        tempfile.tempdir = str(self.root / "tmp")
        sys.addaudithook(self._hear)

    @property
    def outside(self) -> Path:
        """The canary folder."""
        return self.root / "outside"

    def judge(
        self, case: Case, act: Callable[[Path], object], template: Path | None = None
    ) -> Outcome:
        """Lay a case out, hand it over, and say what came of it.

        Args:
            case: The files.
            act: What a user would have augsearch do with them; is given the case's folder, which
                is also the working directory.
            template: A folder whose copy the files are laid into.
        """
        self._lay(case, template)
        before = self._state()
        message = ""
        verdict: Verdict = "accepted"
        with (
            _installed_once(),
            self._watch(),
            # The bytecode of a module that a case is the first to load is not its doing.
            mock.patch.object(sys, "dont_write_bytecode", True),
            warnings.catch_warnings(),
        ):
            # What NumPy warns of becomes a wrong pixel.
            warnings.simplefilter("error", RuntimeWarning)
            try:
                act(self.case)
            except (AugsearchError, OSError) as error:  # what the command line prints and ends with
                verdict, message = "refused", str(error)
            except SystemExit as error:
                verdict, message = "refused", f"exit code {error.code}"
            except MemoryError as error:
                verdict, message = "traceback", f"MemoryError: {error}"
            except Exception as error:
                verdict, message = "traceback", _last_words(error)
        return self._consequences(before) or _checked(verdict, message)

    def _consequences(self, before: list[tuple[str, int, int]]) -> Outcome | None:
        ran = [event for event in self._seen if event.split(" ")[0] in _RUNS]
        if ran or list(self.case.rglob(RAN)):
            return Outcome("code run", "; ".join(ran))
        if self._seen:
            return Outcome("written outside", "; ".join(self._seen[:3]))
        if self._state() != before:
            return Outcome("written outside", "the canary's folder changed")
        return None

    def _lay(self, case: Case, template: Path | None) -> None:
        os.chdir(self.root)
        shutil.rmtree(self.case, ignore_errors=True)
        if template is None:
            self.case.mkdir()
        else:
            shutil.copytree(template, self.case, symlinks=True)
        for name, content in case.files.items():
            path = self.case / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.replace(OUTSIDE, os.fsencode(self.outside)))
        for name, target in case.links.items():
            self._room(name).symlink_to(target.replace(OUTSIDE.decode(), str(self.outside)))
        for name, source in case.copies.items():
            shutil.copyfile(source, self._room(name))
        for name in case.pipes:
            os.mkfifo(self._room(name))
        os.chdir(self.case)

    def _room(self, name: str) -> Path:
        """Return a path in the case's folder at which there is nothing any more."""
        path = self.case / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        return path

    def _state(self) -> list[tuple[str, int, int]]:
        paths = [*self.root.iterdir(), *self.outside.rglob("*")]
        found = [(path, path.lstat()) for path in sorted(paths) if path != self.case]
        return [
            (str(path), -1 if path == self.root / "tmp" else status.st_mtime_ns, status.st_mode)
            for path, status in found
        ]

    @contextlib.contextmanager
    def _watch(self) -> Iterator[None]:
        self._seen.clear()
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if event in _RUNS:
            if event == "subprocess.Popen" and OWN_PROCESS in str(arguments[1]):
                return
            self._seen.append(f"{event} {str(arguments)[:200]}")
            return
        paths: tuple[Any, ...] = ()
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in mode for letter in "wax+") if mode else bool(flags & _WRITING)
            paths = (path,) if writes else ()
        elif event in _CHANGES:
            paths = arguments[: _CHANGES[event]]
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike) and not self._may_change(event, path):
                self._seen.append(f"{event} {os.fsdecode(path)}")

    def _may_change(self, event: str, path: str | bytes | os.PathLike[str]) -> bool:
        place = os.fsdecode(path)
        if place in ("/dev/null", ":memory:") or place.startswith("file:"):
            return True
        folder, name = os.path.split(place)
        follows = event in _FOLLOWING or not name
        real = os.path.realpath(place) if follows else f"{os.path.realpath(folder)}{os.sep}{name}"
        return any(
            real == str(own) or real.startswith(f"{own}{os.sep}")
            for own in (self.case, self.root / "tmp")
        )


_entry_points = functools.cache(entry_points)


@contextlib.contextmanager
def _installed_once() -> Iterator[None]:
    """Look for plug-ins once, not in every case: that takes four fifths of reading a study."""
    with (
        mock.patch.object(metric_names, "entry_points", _entry_points),
        mock.patch.object(tables, "entry_points", _entry_points),
    ):
        yield


def _checked(verdict: Verdict, message: str) -> Outcome:
    if verdict != "refused":
        return Outcome(verdict, message)
    if not message.strip():
        return Outcome("no message")
    if len(message) > LONGEST_MESSAGE:
        return Outcome("no message", f"{len(message)} characters of it")
    return Outcome(verdict, message)


def _last_words(error: BaseException) -> str:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return f"{type(error).__name__}: {str(error)[:300]} at {' > '.join(frames[-6:])}"
