"""[tune]: the classifier's settings, chosen for each arm on the tuning set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from augsearch.messages import show
from augsearch.study.schema.tables import Table, or_else

Value = Annotated[
    bool | int | float | str, or_else("must be a finite number, a text, true or false,", "")
]
Number = Annotated[int | float, or_else("must be a finite number", "")]


def _different(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"must be different values but got {show(values)}")
    return values


Values = Annotated[tuple[Value, ...], Field(strict=False, min_length=1), AfterValidator(_different)]


class Range(Table):
    """Numbers from low to high, for TPE; whole numbers if both are."""

    low: Number
    """The smallest value."""
    high: Number
    """The largest value."""
    log: bool = False
    """Drawn uniform in the logarithm."""

    @model_validator(mode="before")
    @classmethod
    def _no_dotted_key(cls, given: Any) -> Any:
        if isinstance(given, dict) and not {"low", "high"} & given.keys():
            raise ValueError(
                "must be a list of values or a range, {low = ..., high = ...}; a key with a dot "
                'stands in quotes, as in "head.batch_size" = [8, 16]'
            )
        return given

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"low must lie below high (and above 0 with log) but got {self.low:g} and "
                f"{self.high:g}"
            )
        return self


def _from_study_file(
    parameters: dict[str, Values | Range], info: ValidationInfo
) -> dict[str, Values | Range]:
    """Let files among the values of `weights` start at the study file, as they do elsewhere.

    Whether they are there is for the classifier's table to say.
    """
    values = parameters.get("weights")
    if not isinstance(values, tuple):
        return parameters
    folder: Path = (info.context or {}).get("folder", Path())
    return parameters | {"weights": tuple(_absolute(folder, value) for value in values)}


def _absolute(folder: Path, value: Value) -> Value:
    if not isinstance(value, str) or value in ("imagenet", "random"):
        return value
    try:
        return str((folder / Path(value).expanduser()).resolve())
    except (OSError, RuntimeError, ValueError):  # no path at all; the table will refuse it
        return value


def _kind(values: Any) -> str:
    return "range" if isinstance(values, dict | Range) else "values"


Candidates = Annotated[
    Annotated[Values, Tag("values")] | Annotated[Range, Tag("range")], Discriminator(_kind)
]


class TuneOptions(Table):
    """Settings of each arm's classifier, tried at the arm's first amount."""

    method: Literal["grid", "tpe"] = "grid"
    """All combinations, or Optuna's tree-structured Parzen estimator."""
    parameters: Annotated[
        dict[str, Candidates], Field(min_length=1), AfterValidator(_from_study_file)
    ]
    """Key of the classifier's table, dotted ("head.batch_size") -> values, or a range for TPE."""
    trials: Annotated[int, Field(ge=1)] = 20
    """Settings that TPE tries; a grid tries all."""
    replicates: Annotated[int, Field(ge=1)] = 5
    """Trainings per fold and setting; the setting with the best mean score is taken."""

    @model_validator(mode="after")
    def _grid_has_values(self) -> Self:
        ranges = [key for key, values in self.parameters.items() if isinstance(values, Range)]
        if self.method == "grid" and ranges:
            raise ValueError(
                f"method 'grid' must have a list of values for {ranges[0]} but got a range; "
                "list them, or use method 'tpe'"
            )
        return self
