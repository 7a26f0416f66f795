"""A finished run: whether it is one, and the study that it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.links import no_ways_out
from augsearch.controller.run_directory.sharing import NO_STORES, Stores
from augsearch.errors import RunDirectoryError
from augsearch.files import read_json, real_path
from augsearch.study.results import StudyResult

Settings = TypeVar("Settings", bound=BaseModel)

_CONTRADICTIONS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
"""What files that do not go together were seen to end in."""


@contextmanager
def handed_over(path: Path) -> Iterator[None]:
    """Read a run that somebody else may have made, or changed, and name it where it makes no sense.

    Each file is checked for what it is; that all of them go together is known only once they have
    been used, and files that do not can fail there in every way there is.

    Raises:
        RunDirectoryError: The run's files contradict each other.
    """
    try:
        yield
    except _CONTRADICTIONS as error:
        reason = str(error).strip().splitlines()[:1]
        raise RunDirectoryError(
            f"{real_path(path)} must be as `augsearch run` left it, but its files do not go "
            f"together ({': '.join([type(error).__name__, *reason])[:300]}): something in it was "
            "changed or damaged. Take a copy that is whole, or run the study again with --fresh; "
            "if nobody touched it, this is a defect in augsearch."
        ) from error


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run.

    Attributes:
        directory: Where it lies.
        result: What stands in its results.json.
    """

    directory: RunDirectory
    result: StudyResult

    def study(self, model: type[Settings]) -> Settings:
        """Read the study that the run was made of.

        Args:
            model: `StudyFile`, or the part of it that has to be known.

        Raises:
            RunDirectoryError: Its data are gone, or another version of augsearch wrote it.
        """
        path = self.directory.path / "study.json"
        try:
            return model.model_validate_json(json.dumps(read_json(path)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise RunDirectoryError(
                f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; the study's data "
                "must be where they were, and the version of augsearch the one that ran it."
            ) from error


@contextmanager
def finished_run(path: Path, stores: Stores = NO_STORES) -> Iterator[FinishedRun]:
    """Give a finished run to read in a block, as one that is `handed_over`.

    Args:
        path: The directory.
        stores: Used as far as the run was made with them.

    Raises:
        RunDirectoryError: There is no run, it is not finished, links lead out of it, or its files
            contradict each other.
    """
    with handed_over(path):
        directory = RunDirectory(path, stores.of(path))
        if not (directory.path / "study.json").exists():
            raise RunDirectoryError(
                f"{directory.path} must be a run directory but has no study.json; name a folder "
                "that `augsearch run` made."
            )
        no_ways_out(directory.path)
        result = directory.results
        if result is None:
            raise RunDirectoryError(
                f"{directory.path} must be a finished run but has no results.json yet; "
                "`augsearch run` goes on with it."
            )
        yield FinishedRun(directory, result)
