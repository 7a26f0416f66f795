"""Trials of an Optuna study: in order, left open by a kill, and complete with all their scores."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from augsearch.records import Evaluation
from augsearch.search.ledger.database import damaged
from augsearch.search.settings import Direction, sign_of

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial, TrialState

_SCORES, _CHECKSUM = "scores", "crc32"


def completed(study: Study) -> list[FrozenTrial]:
    """Return what has its scores, by number."""
    from optuna.trial import TrialState

    return _in_order(study, TrialState.COMPLETE)


def left_open(study: Study) -> list[FrozenTrial]:
    """Return what was under way when a search was killed, RUNNING all of them, by number."""
    from optuna.trial import TrialState

    for _ in _in_order(study, TrialState.WAITING):
        study.ask()  # enqueued and never asked for: the killed search was about to
    return _in_order(study, TrialState.RUNNING)


def complete(study: Study, trial: Trial, scores: Sequence[float], direction: Direction) -> None:
    """Complete a trial, with its scores as an attribute; they may be NaN or infinite.

    Optuna takes no NaN, so the worst infinity stands in for a mean that is not finite; the scores
    themselves are what is read back.
    """
    from optuna.trial import TrialState

    if trial.storage.get_trial(trial._trial_id).state.is_finished():
        return  # an attempt that failed had arrived
    # JSON knows neither NaN nor infinities: "nan", "inf", "-inf".
    written = [score if math.isfinite(score) else str(score) for score in scores]
    trial.set_user_attr(_SCORES, written)
    trial.set_user_attr(_CHECKSUM, _checksum(trial.params, written))
    value = finite_or_worst(Evaluation.of(0, scores).score, direction)
    study.tell(trial, value, state=TrialState.COMPLETE)


def finite_or_worst(score: float, direction: Direction) -> float:
    """Return a score as Optuna takes it, which is no NaN."""
    return score if math.isfinite(score) else -sign_of(direction) * math.inf


def kept_scores(trial: FrozenTrial) -> tuple[float, ...]:
    """Return the scores of a trial; the value of one that has none beside it.

    Raises:
        StorageError: Settings or scores are not what was written.
    """
    written = trial.user_attrs.get(_SCORES, trial.values)
    if trial.user_attrs.get(_CHECKSUM, (right := _checksum(trial.params, written))) != right:
        raise damaged(f"trial {trial.number} does not match its checksum")
    return tuple(map(float, written))


def _in_order(study: Study, state: TrialState) -> list[FrozenTrial]:
    found = study.get_trials(deepcopy=False, states=(state,))
    return sorted(found, key=lambda trial: trial.number)


def _checksum(settings: Mapping[str, Any], scores: Sequence[float | str]) -> str:
    content = json.dumps([dict(settings), list(scores)], sort_keys=True)
    return f"{zlib.crc32(content.encode()):08x}"
