"""Every exception augsearch raises on purpose, and the exit code each one ends the command with.

Exit codes: 0 done, 1 a defect in augsearch, 2 something the user can put right, 3 training
diverged, 4 time was up (max_hours) and the same command goes on, 130 stopped with Ctrl-C.
"""

from collections.abc import Sequence
from pathlib import Path


class AugsearchError(Exception):
    """Base of all errors with a message meant for the user: rule, value, remedy."""

    exit_code = 2


class StudyFileError(AugsearchError):
    """A study file breaks one or more rules.

    Args:
        path: The study file.
        problems: One ``(line, key, message)`` each; line is 1-based, 0 if it has none.
    """

    def __init__(self, path: Path, problems: Sequence[tuple[int, str, str]]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(self._render(*problem) for problem in problems))

    def _render(self, line: int, key: str, message: str) -> str:
        place = f"{self.path}:{line}" if line else str(self.path)
        return f"{place}: {key}: {message}" if key else f"{place}: {message}"


class DataError(AugsearchError):
    """Images, labels, groups or splits that cannot be used."""


class SourceError(AugsearchError):
    """A source that cannot give the images that were asked for."""


class AuditError(AugsearchError):
    """A source whose images failed the audit, in a study that then wants to stop."""


class WeightsError(AugsearchError):
    """Network weights that cannot be had or do not fit."""


class StorageError(AugsearchError):
    """A file could not be written or read back whole (disk full, no permission, damaged)."""


class RunDirectoryError(AugsearchError):
    """A run directory that belongs to another study or is held by another process."""


class TrackingError(AugsearchError):
    """The MLflow server did not take what was sent."""


class ExportError(AugsearchError):
    """A model that cannot be exported, or that would not be the one of the run."""


class DivergedError(AugsearchError):
    """A training whose loss is no longer finite or has exploded."""

    exit_code = 3


class TimeUpError(AugsearchError):
    """A run that stopped because its max_hours had passed; the same command goes on with it."""

    exit_code = 4
