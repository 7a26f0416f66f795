"""What all tables of a study file share: strictness, common types of values, messages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

MOST_TABLES = 200
"""Arms, sources or classifiers of a study; what compares them with each other need not be fast."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Table(BaseModel):
    """A TOML table: frozen, unknown keys are errors, and so is "64" where 64 is meant."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _existing(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the study file's folder and make sure that it is there."""
    folder: Path = (info.context or {}).get("folder", Path())
    try:
        resolved = (folder / path.expanduser()).resolve()
        resolved.stat()  # Path.exists() says no to a path that cannot be, from Python 3.14 on
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(
            f"must exist but {resolved} does not; paths start at the study file"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:  # too long, unknown ~user, null byte ...
        raise ValueError(
            f"must be the path of a file or folder but got {str(path)[:60]!r}"
        ) from error
    return resolved


def no_folder(path: Path | str) -> Path | str:
    """Refuse the path of what is no file; let any other path, and a word in place of one, pass."""
    if isinstance(path, Path) and path.is_dir():
        raise ValueError(f"must be a file but {path} is a folder")
    if isinstance(path, Path) and not path.is_file():  # which may never end
        raise ValueError(f"must be a file but {path} is a device or a pipe")
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"must be a folder but {path} is a file")
    return path


# TOML gives text and lists where these want paths and tuples, so they are let off strictness.
ExistingPath = Annotated[Path, Field(strict=False), AfterValidator(_existing)]
ExistingFile = Annotated[ExistingPath, AfterValidator(no_folder)]
ExistingFolder = Annotated[ExistingPath, AfterValidator(_folder)]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1, max_length=10)
]
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=100)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


ONE_OF = " must be one of "
"""Stands between key and known values in the message of an unknown choice."""


def choose_by(
    key: str, *known: str, default: str | None = None, other: str | None = None
) -> Discriminator:
    """Choose the table of a union by the value of `key`, which is also its `Tag`.

    Args:
        key: The key that tells the tables apart.
        known: The values that the message about a wrong one names.
        default: The value where the key is missing; None: it must not be.
        other: The tag of the table that takes every other value; None: there is no such table.
    """

    def tag(table: Any) -> str | None:
        is_dict = isinstance(table, dict)
        value = table.get(key, default) if is_dict else getattr(table, key, default)
        return value if value is None or value in known else other

    return Discriminator(tag, "unknown_choice", _choice_message(key, known))


def registered(group: str, built_in: Iterable[str]) -> BeforeValidator:
    """Let a table pass whose `kind` an installed package registers as an entry point of `group`.

    Looks at the kind before the other keys, which would all be unknown to a misspelt one.
    """

    def check(value: Any) -> Any:
        kind = value["kind"] if isinstance(value, dict) else value.kind
        plugins = entry_points(group=group).names
        if not isinstance(kind, str) or kind not in plugins:
            raise unknown_choice("kind", (*built_in, *sorted(plugins)))
        return value

    return BeforeValidator(check)


def unknown_choice(key: str, known: Iterable[str]) -> PydanticCustomError:
    """Return the error that `study.wording` turns into "must be one of ... but got ..."."""
    return PydanticCustomError("unknown_choice", _choice_message(key, known))


def _choice_message(key: str, known: Iterable[str]) -> str:
    return f"{key}{ONE_OF}{', '.join(known)}"


def or_else(rule: str, known: str) -> WrapValidator:
    """Give one message, `rule`, where pydantic would report each alternative of a union."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise PydanticCustomError("rule", "{rule}", {"rule": rule, "known": known}) from error

    return WrapValidator(check)
