"""Reads the files that readers hand in, and refuses what does not belong to the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from augsearch.errors import DataError
from augsearch.messages import names, show, unknown
from augsearch.reader.key import Key, Origin, Strict
from augsearch.reading import LARGEST_JSON, read_whole


class Answer(Strict):
    """What a reader said about one image; None where the question was left open."""

    class_name: Annotated[str | None, Field(alias="class")] = None
    origin: Origin | None = None


class Answers(Strict):
    """A file of answers, as the page saves it; images that were not reached are not in it."""

    format: Literal["augsearch reader answers"]
    version: Literal[1]
    page: str
    reader: Annotated[str, Field(pattern=r"\S")]
    answers: dict[str, Answer]


def read_answers(path: Path) -> Answers:
    """Read one file of answers.

    Raises:
        DataError: It cannot be read or is no file of answers.
    """
    try:
        return Answers.model_validate_json(read_whole(path, LARGEST_JSON))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise DataError(
            f"{path} must be a file of answers as the page saves it but is not ({reason}); "
            "give the files that readers saved, unchanged."
        ) from error


def check_page(path: Path, given: Answers, run: Path, pages: Sequence[str]) -> None:
    """Refuse answers to a page that the run has not.

    Args:
        path: The file of answers.
        given: What it holds.
        run: The run directory.
        pages: The ids of the pages that were made of the run.

    Raises:
        DataError: Says which page they belong to and which the run has.
    """
    if given.page not in pages:
        have = f"has {names(pages)}" if pages else "has none yet"
        raise DataError(
            f"{path} must answer a page of {run} but belongs to page {show(given.page)}, and that "
            f"run {have}; name the run that the page was made of."
        )


def check_images(path: Path, given: Answers, key: Key) -> None:
    """Refuse answers on images or with classes that the page has not.

    Raises:
        DataError: Says which.
    """
    for image, answer in given.answers.items():
        if image not in key.images:
            raise DataError(
                f"{path}: image {show(image)} is not on page {show(key.page)}; give the file as "
                "the page saved it."
            )
        if answer.class_name is not None and answer.class_name not in key.classes:
            raise DataError(
                f"{path}: the class of image {show(image)} must be one of {names(key.classes)} "
                f"{unknown(answer.class_name, key.classes)}."
            )


def check_together(paths: Sequence[Path], given: Sequence[Answers]) -> None:
    """Refuse two files of one reader, and files that answer different pages.

    Raises:
        DataError: Says which two files.
    """
    seen: dict[str, Path] = {}
    for path, answers in zip(paths, given, strict=True):
        if answers.page != given[0].page:
            raise DataError(
                f"all files must answer the same page but {paths[0]} answers {show(given[0].page)} "
                f"and {path} answers {show(answers.page)}; score them in two calls."
            )
        name = answers.reader.strip().casefold()
        if name in seen:
            raise DataError(
                f"every reader must be there once but {seen[name]} and {path} are both by "
                f"{show(answers.reader)}; leave one of them out."
            )
        seen[name] = path
