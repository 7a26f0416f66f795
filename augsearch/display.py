"""Progress on stderr: one live display on a terminal, one plain line per K elsewhere."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from augsearch.amounts import amount_words
from augsearch.events import (
    Advanced,
    Event,
    Selected,
    SettingTried,
    StageStarted,
    TrialCompleted,
    Warned,
)
from augsearch.messages import printable
from augsearch.records import Evaluation
from augsearch.study.settings import setting_words

_BARS = "▁▂▃▄▅▆▇█"
_LATEST = 40  # amounts of a curve that fit on a terminal's line beside the rest


class Display(ABC):
    """A context that takes events; leaving it leaves the last state on the screen."""

    def __enter__(self) -> Self:
        """Begin to show."""
        return self

    @abstractmethod
    def __exit__(self, *failure: object) -> None:
        """Leave the last state on the screen."""

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Show one event."""


def make_display(quiet: bool) -> Display:
    """Return the display that fits: none, live on a terminal, plain lines otherwise."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if quiet:
        return PlainDisplay(console, trials=False)
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class PlainDisplay(Display):
    """One line per stage, K, setting and warning; only warnings if `trials` is false."""

    def __init__(self, console: Console, trials: bool = True) -> None:
        self._console = console
        self._trials = trials

    def __exit__(self, *failure: object) -> None:
        """Nothing is left to do."""

    def __call__(self, event: Event) -> None:
        """Print the event's line, if it has one."""
        if self._trials or isinstance(event, Warned):
            _print_line(self._console, event)


class LiveDisplay(Display):
    """Stage with a bar per kind of work, and the K-curve of every arm as it grows."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}", markup=False),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._trials: dict[str, list[TrialCompleted]] = {}
        self._stage = "start"
        self._tasks: dict[str, TaskID] = {}  # by unit
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(self, *failure: object) -> None:
        """Leave the last state on the screen."""
        self._end_tasks(list(self._tasks))
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take one event into the picture."""
        if isinstance(event, StageStarted):
            self._stage = event.stage
            self._end_tasks(list(self._tasks))
        elif isinstance(event, Advanced):
            self._advance(event)
        elif isinstance(event, TrialCompleted):
            self._trials.setdefault(event.arm, []).append(event)
        else:
            _print_line(self._live.console, event)

    def _advance(self, event: Advanced) -> None:
        # Work inside other work (epochs of a setting) has a bar of its own until it is done.
        done = {task.fields["unit"] for task in self._progress.tasks if task.finished}
        self._end_tasks(done - {event.unit})
        if event.unit not in self._tasks:
            self._tasks[event.unit] = self._progress.add_task(
                self._stage, total=event.total, completed=event.done, unit=event.unit, rate=""
            )
        task = self._tasks[event.unit]
        speed = next(one.speed for one in self._progress.tasks if one.id == task) or 0.0
        rate = f"{speed:.1f}/s" if speed >= 0.05 else ""
        self._progress.update(task, completed=event.done, total=event.total, rate=rate)

    def _end_tasks(self, units: Iterable[str]) -> None:
        for unit in units:
            self._progress.remove_task(self._tasks.pop(unit))

    def _render(self) -> RenderableType:
        head = Text(f"stage: {self._stage}") if not self._tasks else self._progress
        return Group(*map(self._curve, self._trials), head)

    def _curve(self, arm: str) -> Text:
        trials = self._trials[arm]
        bars = sparkline([one.evaluation.score for one in trials])[-_LATEST:]
        return Text(f"{arm}: {bars} {_amount(trials[-1])}{_best(trials[-1], 3)}")


def _print_line(console: Console, event: Event) -> None:
    """Print an event's line, if it has one."""
    line = None
    match event:
        case Warned():
            line = printable(f"warning: {event.message}")
        case StageStarted():
            line = f"stage: {event.stage}"
        case TrialCompleted():
            line = trial_line(event)
        case SettingTried():
            line = setting_line(event)
        case Selected():
            line = selection_line(event)
    if line is not None:
        console.print(Text(line))  # Text: no markup, no emoji in what users call things


def trial_line(event: TrialCompleted) -> str:
    """Write one amount's score as a line.

    Example:
        >>> one = Evaluation.of(2.0, [0.5])
        >>> trial_line(TrialCompleted("search", one, one))
        'search: K = 2, score 0.5000, best 0.5000 at K = 2'
        >>> smooth = Evaluation(2.0, 0.48, one.scores)  # of a rule that looks at a smoothed curve
        >>> trial_line(TrialCompleted("search", one, smooth, round_number=2))
        'search: K = 2 (round 2), score 0.5000, smoothed best 0.4800 at K = 2'
    """
    score = f"score {event.evaluation.score:.4f}"
    return f"{event.arm}: {_amount(event)}, {score}{_best(event, 4)}"


def _amount(event: TrialCompleted) -> str:
    again = f" (round {event.round_number})" if event.round_number > 1 else ""
    return amount_words(event.evaluation.multiple, event.unit) + again


def _best(event: TrialCompleted, digits: int) -> str:
    """Name the best so far; a best score that is not the mean of its scores is a smoothed one."""
    best = event.best
    if best is None:
        return ""
    smoothed = best.score != Evaluation.of(best.multiple, best.scores).score
    word = "smoothed best" if smoothed else "best"
    return f", {word} {best.score:.{digits}f} at {amount_words(best.multiple, event.unit)}"


def setting_line(event: SettingTried) -> str:
    """Write one setting's score as a line.

    Example:
        >>> setting = {"head.batch_size": 16, "head.learning_rate": 1e-3}
        >>> setting_line(SettingTried("real", 0, setting, Evaluation.of(1, [0.5])))
        'real: head.batch_size 16, head.learning_rate 0.001: score 0.5000'
    """
    return f"{event.arm}: {setting_words(event.setting)}: score {event.evaluation.score:.4f}"


def selection_line(event: Selected) -> str:
    """Write what a selection kept as a line.

    Example:
        >>> selection_line(Selected("wgan", 0, {"a": 3, "b": 2}, {"a": 1, "b": 0}))
        'source wgan, fold 0: kept 1 of 5 images (a 1 of 3, b 0 of 2)'
    """
    kept, made = sum(event.kept.values()), sum(event.made.values())
    each = ", ".join(f"{name} {event.kept[name]} of {event.made[name]}" for name in event.made)
    return f"source {event.source}, fold {event.fold}: kept {kept} of {made} images ({each})"


def sparkline(scores: list[float]) -> str:
    """Draw scores as a row of bars, the lowest to the highest finite one; NaN is a dot.

    Example:
        >>> sparkline([0.0, float("nan"), 1.0])
        '▁·█'
    """
    finite = [score for score in scores if math.isfinite(score)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    span = (high - low) or 1.0
    return "".join(
        _BARS[round((score - low) / span * (len(_BARS) - 1))] if math.isfinite(score) else "·"
        for score in scores
    )
