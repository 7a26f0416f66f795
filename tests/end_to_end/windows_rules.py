"""Commands where files are handled as strictly as on Windows, as far as Linux can tell.

Run as `python -X warn_default_encoding windows_rules.py REFUSALS COMMANDS`: a file for what was
refused, a line each, and a JSON list of commands, each a list of arguments. It ends by printing
their exit codes.

What this process has open or mapped is not renamed, replaced or removed; nothing is renamed onto a
folder; names have no character or end that Windows keeps for itself, and differ by more than case;
what is synced is open for writing; text has an encoding that is said, and line ends of two
characters where nothing is said of them.
"""

import builtins
import contextlib
import errno
import fcntl
import io
import json
import os
import re
import sys
import sysconfig
import threading
import warnings
from pathlib import Path

_RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.I)
_ELSEWHERE = (sysconfig.get_path("purelib"), sys.base_prefix, "/dev/", "/proc/", "/sys/")
_asking = threading.local()
_names: dict[str, Path] = {}
_refused: list[str] = []
_open = open


def refuse(number: int, path: Path, why: str) -> None:
    _refused.append(f"{why}: {path}")
    raise OSError(number, why, str(path))


def whole(path: str | bytes | os.PathLike, folder: int | None) -> Path:
    """Return the absolute path of what an audit event names; itself it may be a link."""
    start = Path.cwd() if folder in (None, -1) else Path(f"/proc/self/fd/{folder}").readlink()
    place = start / os.fsdecode(path)
    return Path(os.path.realpath(place.parent), place.name)


def in_use(path: Path) -> bool:
    """Return whether this process has a file open or mapped, or one in a folder."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    held = {line.split(maxsplit=5)[5] for line in maps if "/" in line}
    for number in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another thread has closed it meanwhile
            if number.is_file():
                held.add(os.path.realpath(number))
    return any(Path(one).is_relative_to(path) for one in held)


def check_name(path: Path) -> None:
    if str(path).startswith(_ELSEWHERE):
        return
    if _RESERVED.search(path.name):
        refuse(errno.EINVAL, path, "no name for a file")
    other = _names.setdefault(str(path).casefold(), path)
    if other != path and os.path.lexists(other):
        refuse(errno.EEXIST, path, f"the same name as {other}")


def check(event: str, arguments: tuple) -> None:
    match event, arguments:
        case "open", (str() | bytes() | os.PathLike() as path, _, flags) if flags & os.O_CREAT:
            check_name(whole(path, None))
        case "os.mkdir", (path, _, folder):
            check_name(whole(path, folder))
        case "os.rename", (source, target, source_folder, target_folder):
            source, target = whole(source, source_folder), whole(target, target_folder)
            check_name(target)
            if target.is_dir():
                refuse(errno.EACCES, target, "renamed onto a folder")
            for path in (source, target):
                if in_use(path):
                    refuse(errno.EACCES, path, "renamed or replaced while open")
        case "os.remove", (path, folder) if in_use(path := whole(path, folder)):
            refuse(errno.EACCES, path, "removed while open")


def hook(event: str, arguments: tuple) -> None:
    if not getattr(_asking, "now", False):  # what it asks are events, too
        _asking.now = True
        try:
            check(event, arguments)
        finally:
            _asking.now = False


def fsync(file, fsync=os.fsync) -> None:
    number = file if isinstance(file, int) else file.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        refuse(errno.EBADF, Path(f"/proc/self/fd/{number}").readlink(), "synced while only read")
    fsync(number)


def written_there(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
    if newline is None and "b" not in mode and set(mode) & set("wax"):
        newline = "\r\n"
    if "b" not in mode:
        encoding = io.text_encoding(encoding)
    return _open(file, mode, buffering, encoding, errors, newline, **more)


def call(arguments: list[str]) -> int | str | None:
    sys.argv = ["augsearch", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code


if __name__ == "__main__":
    refusals, commands = Path(sys.argv[1]), json.loads(sys.argv[2])
    os.fsync = fsync
    builtins.open = io.open = written_there
    sys.addaudithook(hook)
    # There it is not UTF-8.
    warnings.filterwarnings("error", category=EncodingWarning, module="augsearch")

    from augsearch.cli import main

    codes = [call(arguments) for arguments in commands]
    refusals.write_text("".join(f"{line}\n" for line in _refused), encoding="utf-8")
    sys.stdout.write(f"{json.dumps(codes)}\n")
