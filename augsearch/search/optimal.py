"""find_optimal_multiple(): the search for the best amount, pure of images and networks."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from augsearch.events import Notify, silent
from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.ledger.database import LedgerError
from augsearch.search.ledger.ledger import Ledger, open_ledger
from augsearch.search.rounds import rounds
from augsearch.search.rules.halving import Halving
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.search.rules.sweep import Saturation, Sweep
from augsearch.search.rules.tpe import TpeRule
from augsearch.search.scoring import BatchScore, EndingScore, OneAtATime, Score, checked_scores
from augsearch.search.settings import DIRECTIONS, Direction, check_known, whole_number
from augsearch.search.smoothing import SmoothedOptimum, smoothed_optimum

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["RULES", "BatchScore", "Callback", "SearchResult", "find_optimal_multiple"]

RULES: Mapping[str, Callable[..., SearchRule]] = {
    "sliding-window": SlidingWindow,
    "sweep": Sweep,
    "saturation": Saturation,
    "halving": Halving,
    "tpe": TpeRule,
}
"""The rules that go by a name; each takes the settings of `find_optimal_multiple` that it names."""

_PLAIN = (str, int, float, bool, type(None))

Callback = Callable[[Evaluation, Evaluation | None], object]
"""Called with a new evaluation and the best so far (None if no score was finite)."""


@dataclass(frozen=True, repr=False)
class SearchResult:
    """What a search found.

    Attributes:
        multiple: The chosen amount, an int when whole; None if no score was finite.
        score: Its score (the mean of its replicates; for "halving" and "tpe" the smoothed mean);
            None if no score was finite. As the winner of many a plain mean is optimistic: measure
            the chosen amount anew on untouched data.
        stopped_at: The last amount that was evaluated, an int when whole.
        reason: Why the search stopped: "window", "max_multiple", "all_amounts", "all_rounds",
            "trials" or "no_finite_score" (or what a rule of the caller's says).
        history: Every evaluation, in order; a rule that repeats amounts has one per amount and
            round (see `merged`).
        smoothed: Where the curve behind the noise is best, by a Gaussian process over log K: the
            better choice beside a rule that takes the raw maximum. Made for scores from 0 to 1: of
            percents or large losses its mean is drawn to that of all amounts; divide them first.
            None if no score was finite, if a single amount was tried, or if amounts below 1 show
            that they are no multiples.
    """

    multiple: int | float | None
    score: float | None
    stopped_at: int | float | None
    reason: str
    history: tuple[Evaluation, ...]
    smoothed: SmoothedOptimum | None = None

    def __repr__(self) -> str:
        score = None if self.score is None else f"{self.score:.4g}"
        return (
            f"SearchResult(multiple={self.multiple}, score={score}, stopped_at={self.stopped_at}, "
            f"reason={self.reason!r}, history=<{len(self.history)} evaluations>)"
        )


def find_optimal_multiple(
    score: Score,
    window: int = 12,
    *,
    start: float = 1,
    step: float = 1,
    max_multiple: float | None = None,
    min_delta: float = 0.0,
    amounts: Sequence[float] | None = None,
    tolerance: float = 0.005,
    fractions: bool = False,
    trials: int = 24,
    seed: int = 0,
    direction: Direction = "maximize",
    rule: str | SearchRule = "sliding-window",
    replicates: int = 1,
    storage: str | BaseStorage | None = None,
    study_name: str = "augsearch",
    callbacks: Sequence[Callback] = (),
    notify: Notify = silent,
) -> SearchResult:
    """Find the multiple K of the training set that scores best (Kong et al. 2022).

    Calls `score` for K = start, start + step, ... until the rule stops, or for what another rule
    proposes. The sliding window is the published procedure; ``rule="halving"`` is recommended for
    new work: it finds better amounts with about as many trainings.

    Whatever stops the search early (a kill, Ctrl-C, an exception in `score`), the same call on the
    same `storage` goes on: finished amounts are read back, the one under way is evaluated again.

    Args:
        score: K -> its score, or a sequence with one score per replicate; NaN for one that could
            not be computed. K is an int if `start` and `step`, or `amounts`, are. An object with a
            method `score_many` (see `BatchScore`) is given all amounts that are certain to be
            evaluated at once; the result is the same. A rule that asks for further replicates of
            an amount calls `score` for it again (or `score_rounds`, see `RoundScore`), so a
            function must not give the same training twice.
        window: Stop when this many amounts after the best one brought no gain.
        start: The first amount; 1 is the base set alone.
        step: Distance of two amounts.
        max_multiple: No amount goes beyond it. None is no limit for the window: a score that never
            stops rising is then never stopped; for "halving" and "tpe" it is 60.
        min_delta: A gain counts only if it exceeds this over the best so far.
        amounts: What is tried, rising; numbers of images as well as multiples.
        tolerance: How much worse than the best still counts as saturated.
        fractions: Try 1.25 and 1.5, too.
        trials: How many evaluations TPE has.
        seed: Of TPE's draws.
        direction: "maximize" or "minimize"; of a score that has a `direction` itself, that one.
        rule: "sliding-window" (with `window` to `min_delta`); "sweep" (all of `amounts`, the best
            wins); "saturation" (all of `amounts`, the smallest within `tolerance` of the best
            wins, as Frid-Adar et al. 2018 chose theirs); "halving" (a geometric grid up to
            `max_multiple`, successive halving on replicates, smoothed optimum); "tpe" (`trials`
            amounts up to `max_multiple` by Optuna's sampler, smoothed optimum); or a `SearchRule`,
            which brings its own settings. The smoothed optimum is made for scores from 0 to 1, as
            AUC and accuracy are: divide percents by 100. A setting that the rule does not take must
            be left out.
        replicates: How often `score` is called per amount, if it gives a number; the mean counts.
        storage: Where the search is kept: an Optuna storage or its URL, for instance
            "sqlite:///search.db"; None keeps it in memory. A larger window, limit or another
            min_delta may go on with what is stored, and so may a list with further amounts at its
            end; another start, step or direction may not, nor another grid or seed.
        study_name: The Optuna study's name in `storage`.
        callbacks: Each is called as ``callback(evaluation, best)`` after every new evaluation.
        notify: Takes a `Disturbed` event when the database server of `storage` has gone away: it is
            waited for, a minute long.

    Raises:
        ValueError, TypeError: A setting out of range, or a score that is no number.
        LedgerError: What is stored belongs to another search (a ValueError too).
        RunDirectoryError: Another process works on the SQLite file, or on the study on PostgreSQL.
        StorageError: The storage cannot be read or written.

    Example:
        >>> found = find_optimal_multiple(lambda k: 0.9 - 0.001 * (k - 14) ** 2, window=12)
        >>> found.multiple, found.stopped_at, found.reason
        (14, 26, 'window')
        >>> curve = {0: 0.81, 500: 0.85, 1000: 0.88, 2000: 0.882}
        >>> find_optimal_multiple(curve.get, rule="saturation", amounts=tuple(curve)).multiple
        1000
    """
    settings = {
        "window": window,
        "start": start,
        "step": step,
        "max_multiple": max_multiple,
        "min_delta": min_delta,
        "amounts": amounts,
        "tolerance": tolerance,
        "fractions": fractions,
        "trials": trials,
        "seed": seed,
        "direction": direction,
    }
    chosen = _choose_rule(rule, settings)
    replicates = whole_number("replicates", replicates)
    _check_score(score, replicates)
    _check_direction(score, direction)
    callbacks = _checked_callbacks(callbacks)
    if not isinstance(study_name, str):
        raise TypeError(f"study_name must be text, to find it again by, but got {study_name!r}.")
    if isinstance(score, EndingScore):
        chosen = score.ended(chosen)
    with open_ledger(storage, study_name, direction, notify) as ledger:
        history = _search(chosen, score, replicates, ledger, callbacks)
    best = chosen.best(history)
    return SearchResult(
        multiple=None if best is None else _whole(best.multiple),
        score=None if best is None else best.score,
        stopped_at=_whole(history[-1].multiple) if history else None,
        reason=chosen.finished(history) or "nothing proposed",
        history=tuple(history),
        smoothed=smoothed_optimum(history, direction=direction),
    )


def _search(
    rule: SearchRule,
    score: Score,
    replicates: int,
    ledger: Ledger,
    callbacks: Sequence[Callback],
) -> list[Evaluation]:
    batches = isinstance(score, BatchScore)
    scorer = score if isinstance(score, BatchScore) else OneAtATime(score, replicates)
    history = ledger.replay(rule, _settings(rule))
    _check_stored(replicates, history)
    while certain := rule.propose(history):
        asked = certain if batches else certain[:1]
        trials = [ledger.ask(multiple) for multiple in asked]
        # Closed on the way out, so that a batch score can let go of its workers at once.
        with contextlib.closing(checked_scores(scorer, asked, rounds(asked, history))) as results:
            for scores, multiple, trial in zip(results, asked, trials, strict=True):
                _check_replicates(scores, multiple, history)
                history.append(Evaluation.of(multiple, scores))
                ledger.tell(trial, history[-1])
                for callback in callbacks:
                    callback(history[-1], rule.best(history))
    ledger.close_open()
    return history


def _choose_rule(rule: str | SearchRule, settings: Mapping[str, Any]) -> SearchRule:
    """Return the named rule with its settings, or the given one; what it ignores is left out."""
    check_known("direction", settings["direction"], DIRECTIONS)
    if isinstance(rule, str):
        check_known("rule", rule, tuple(RULES))
        takes = inspect.signature(RULES[rule]).parameters
        _check_defaults(
            {name: value for name, value in settings.items() if name not in takes},
            f"rule {rule!r}",
            f"it takes {', '.join(takes)}.",
        )
        return RULES[rule](**{name: settings[name] for name in takes})
    if not isinstance(rule, SearchRule):
        raise TypeError(f"rule must be a rule's name or a SearchRule but got {rule!r}.")
    own = {"direction": getattr(rule, "direction", settings["direction"])}
    _check_defaults(settings, repr(rule), "a SearchRule brings its own settings.", own)
    return rule


def _check_defaults(
    settings: Mapping[str, Any], beside: str, remedy: str, own: Mapping[str, Any] | None = None
) -> None:
    """Refuse settings that the rule takes no notice of, unless they are as they are by default."""
    signature = inspect.signature(find_optimal_multiple).parameters
    defaults = {name: signature[name].default for name in settings} | dict(own or {})
    for name, value in settings.items():
        default = defaults[name]
        if value is default or (default is not None and value == default):
            continue
        rule = "be left out" if default is None else f"be {default!r}"
        raise ValueError(f"{name} must {rule} beside {beside} but got {value!r}; {remedy}")


def _settings(rule: SearchRule) -> dict[str, Any]:
    """Return what the ledger keeps of a rule: its name, and its fields if it is a dataclass."""
    settings: dict[str, Any] = {"rule": type(rule).__name__}
    if dataclasses.is_dataclass(rule):
        for field in dataclasses.fields(rule):
            settings[field.name] = _json(getattr(rule, field.name))
    return settings


def _json(value: object) -> object:
    """Return a setting as the ledger, which keeps JSON, gives it back; else its text, to name."""
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value if isinstance(value, _PLAIN) else repr(value)


def _check_score(score: Score, replicates: int) -> None:
    if replicates < 1:
        raise ValueError(
            f"replicates must be at least 1 but got {replicates}; 1 evaluates every amount once."
        )
    if isinstance(score, BatchScore):
        if replicates > 1:
            raise ValueError(
                f"replicates must be 1 beside a score with score_many but got {replicates}; "
                "such a score repeats itself: set the number there."
            )
    elif not callable(score):
        raise TypeError(
            f"score must be a function of the multiple, or have score_many, but got {score!r}."
        )


def _check_direction(score: Score, direction: Direction) -> None:
    """Refuse to maximize an error: an `AugmentationScore` knows which way its metric is better."""
    own = getattr(score, "direction", direction)
    if own in DIRECTIONS and own != direction:
        raise ValueError(
            f"direction must be {own!r} for this score, whose metric is better that way, but got "
            f"{direction!r}; give direction={own!r}."
        )


def _checked_callbacks(callbacks: Sequence[Callback]) -> tuple[Callback, ...]:
    """Return them as they are called again and again; a search is not trained for nothing."""
    listed = tuple(callbacks) if isinstance(callbacks, Iterable) else ()
    if not isinstance(callbacks, Iterable) or not all(map(callable, listed)):
        raise TypeError(
            f"callbacks must be a list of functions but got {callbacks!r}; write [function]."
        )
    return listed


def _check_stored(replicates: int, history: Sequence[Evaluation]) -> None:
    """Refuse to give a stored search for one with other replicates, before anything is trained."""
    stored = len(history[0].scores) if history else replicates
    if replicates not in (1, stored):  # 1 may also stand beside a function that repeats itself
        raise LedgerError(
            f"replicates must be {stored}, as of what is stored, but got {replicates}; use that "
            "number or another study_name."
        )


def _check_replicates(
    scores: Sequence[float], multiple: float, history: Sequence[Evaluation]
) -> None:
    """Keep amounts comparable: all of them have the same number of replicates."""
    if history and len(scores) != len(history[0].scores):
        raise ValueError(
            f"score must give {len(history[0].scores)} replicates for every multiple, as for "
            f"{history[0].multiple:g}, but gave {len(scores)} for {multiple:g}; "
            "give nan for a replicate that failed."
        )


def _whole(multiple: float) -> int | float:
    return int(multiple) if multiple == int(multiple) else multiple
