"""What a run tells the world while it works: the display, the log and MLflow listen to these.

Stages report through one callable, ``notify(event)``; none of them knows who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from augsearch.amounts import Unit
from augsearch.device import Precision
from augsearch.records import Evaluation


@dataclass(frozen=True)
class StageStarted:
    """A stage of the run begins: "data", "source acgan", "search acgan", "test" ..."""

    stage: str


@dataclass(frozen=True)
class Advanced:
    """Work inside the current stage: `done` of `total`, counted in `unit` ("iterations")."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Warned:
    """Something the user should know; the run goes on."""

    message: str


@dataclass(frozen=True)
class Disturbed(Warned):
    """Something around the run failed and is made good: shown, but no part of the result."""


@dataclass(frozen=True)
class TrialCompleted:
    """One amount of one arm has its score; `unit` says what amounts count.

    Attributes:
        round_number: Which round of replicates of the amount it is, from 1: a rule may ask again.
    """

    arm: str
    evaluation: Evaluation
    best: Evaluation | None
    unit: Unit = "multiple"
    round_number: int = 1


@dataclass(frozen=True)
class SettingTried:
    """One setting of an arm's classifier has its scores, at the arm's first amount.

    Attributes:
        number: Which one, from 0.
        setting: Dotted key of the classifier's table -> value.
    """

    arm: str
    number: int
    setting: Mapping[str, bool | int | float | str]
    evaluation: Evaluation


@dataclass(frozen=True)
class TrainingBegun:
    """A source's training begins, or goes on from an iteration, and what it computes in."""

    source: str
    fold: int
    iteration: int
    device: str
    precision: Precision


@dataclass(frozen=True)
class TrainingLogged:
    """Losses and the like of a source in training, at an iteration."""

    source: str
    fold: int
    iteration: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class PictureMade:
    """A picture worth looking at was written (a grid of samples during GAN training)."""

    path: Path


@dataclass(frozen=True)
class Selected:
    """How many images of each class a source made to select from, and how many it kept."""

    source: str
    fold: int
    made: Mapping[str, int]
    kept: Mapping[str, int]


Event = (
    StageStarted
    | Advanced
    | Warned
    | TrialCompleted
    | SettingTried
    | TrainingBegun
    | TrainingLogged
    | PictureMade
    | Selected
)
Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listen to nothing."""
