"""Whose run directory it is: begun, gone on with, or refused, by one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from augsearch.controller.run_directory.directory import LOG, RunDirectory
from augsearch.controller.run_directory.links import no_ways_out
from augsearch.controller.run_directory.numbering import following, latest
from augsearch.controller.run_directory.sharing import NO_STORES, Stores
from augsearch.errors import AugsearchError, RunDirectoryError, StorageError
from augsearch.events import Notify, silent
from augsearch.files import exclusive, let_go, read_json, remove_empty, write_json, write_text
from augsearch.study.compare import differences
from augsearch.study.schema.study import StudyFile


@contextmanager
def claimed(
    base: Path,
    study: StudyFile,
    fresh: bool,
    stores: Stores = NO_STORES,
    notify: Notify = silent,
) -> Iterator[RunDirectory]:
    """Hold the run directory that belongs to a study: a new one, or the one to go on with.

    The directory is `base`, or the newest of `base`-2, `base`-3 ... that `fresh` made beside it.
    With an artifact store a run of another machine is gone on with as if it had begun here. What
    was made or fetched is removed again if the run ends with an error before `settle` was called.

    Raises:
        RunDirectoryError: It belongs to another study (the message shows the difference),
            another process holds it, links lead out of it, its trials are in another ledger, or
            `base` is a file.
        StorageError: A store does not answer.
    """
    _refuse_what_is_no_run(base)
    path = following(base, stores) if fresh else latest(base, study.name, stores)
    directory = RunDirectory(path, stores)
    if directory.path.is_dir():
        no_ways_out(directory.path)
    lock = directory.path / "run.lock"
    _refuse_what_is_no_run(directory.path)
    kept = _present(directory.path) if not lock.exists() else directory.path.parent
    with _held(lock):
        # Asked once the lock is held: before, another process may have made a run.
        new = not ((directory.path / "study.json").exists() or directory.remembers("data"))
        try:
            directory.shared.adopt()
            with directory.shared.owned():
                directory.shared.join(notify)
                if (directory.path / "study.json").exists():
                    _same_study(directory, study)
                elif not directory.remembers("data"):
                    # It ended before it was settled, and may have warned of other images.
                    (directory.path / LOG).unlink(missing_ok=True)
                directory.shared.check_ledger()
                yield directory
        except AugsearchError as error:
            if new and not directory.settled:
                let_go(error)
                _remove(directory.path, kept)
            raise


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a run's lock; a finished run that cannot be written is only read, and needs none."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(lock))
        except StorageError:
            if not (lock.parent / "results.json").exists():
                raise
        yield


def _refuse_what_is_no_run(path: Path) -> None:
    """Refuse to write to a place where something else is, or to begin beside it."""
    if path.exists() and not path.is_dir():
        raise RunDirectoryError(
            f"{path} must be a folder, or not be there, but is a file; choose another --out."
        )
    is_run = any((path / name).exists() for name in ("study.json", "run.lock"))
    if path.is_dir() and not is_run and any(path.iterdir()):
        raise RunDirectoryError(
            f"{path} is not empty and not a run of augsearch; choose another --out or empty it."
        )


def settle(directory: RunDirectory, study: StudyFile, text: str) -> None:
    """Freeze the study in its directory, now that study and data have proved usable."""
    directory.shared.begin()
    new = not (directory.path / "study.json").exists()
    if new or not (directory.path / "study.toml").exists():
        write_text(directory.path / "study.toml", text)
    if new:
        write_json(directory.path / "study.json", study.model_dump(mode="json"))
    directory.settled = True


def same_text(directory: RunDirectory, text: str) -> None:
    """Hold a begun run whose study.json was removed to the study file as it was frozen beside it.

    Raises:
        RunDirectoryError: The file reads otherwise now, or its copy was removed too.
    """
    if (directory.path / "study.json").exists() or not directory.remembers("data"):
        return
    frozen = directory.path / "study.toml"
    if not frozen.exists() or frozen.read_text(encoding="utf-8", errors="replace") != text:
        raise RunDirectoryError(
            f"{directory.path} lacks study.json, which is made again only while the study file "
            "reads as study.toml there does; undo what was changed to go on with that run, or add "
            "--fresh to start anew beside it."
        )


def _same_study(directory: RunDirectory, study: StudyFile) -> None:
    changes = differences(read_json(directory.path / "study.json"), study)
    if changes:
        raise RunDirectoryError(
            f"{directory.path} holds a run of this study as it was before:\n  "
            + "\n  ".join(changes)
            + "\nUndo the change to go on with that run, or add --fresh to start anew beside it."
        )


def _present(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _remove(path: Path, kept: Path) -> None:
    """Remove all that is in `path`, and then the empty folders from it up to `kept`."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):  # Windows keeps what is open: the lock that is held
                entry.unlink(missing_ok=True)
    remove_empty(path, kept)
