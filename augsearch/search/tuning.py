"""The choice of settings: all of a grid, or Optuna's TPE, through every kill.

One trial is one setting. Settings follow from the completed trials alone, so a search that was
killed goes on as if nothing had happened; only the setting under way is tried again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from augsearch.events import Notify, silent
from augsearch.records import Evaluation
from augsearch.search.ledger.connection import opened_study
from augsearch.search.ledger.database import patiently
from augsearch.search.ledger.trials import complete, completed, kept_scores, left_open
from augsearch.search.settings import Direction, sign_of
from augsearch.seeds import Seed
from augsearch.study.schema.tune import Range, TuneOptions, Value

if TYPE_CHECKING:
    from optuna import Study, Trial

Setting = Mapping[str, Value]
SettingScore = Callable[[int, Setting], Sequence[float]]
"""(number of the trial, setting) -> one score per training."""
Progress = Callable[[int, int, "SettingTrial | None"], None]
"""(settings tried, of how many, the one that was just tried; None at the beginning)."""


@dataclass(frozen=True)
class SettingTrial:
    """A setting and what its trainings scored; `mean` is NaN if one of them is."""

    setting: Setting
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean of `scores`."""
        return Evaluation.of(0, self.scores).score


def try_settings(
    score: SettingScore,
    options: TuneOptions,
    *,
    direction: Direction,
    seed: Seed,
    storage: str,
    study_name: str,
    progress: Progress = lambda done, wanted, newest: None,
    notify: Notify = silent,
) -> tuple[SettingTrial, ...]:
    """Try all settings that `options` ask for, in order; what is stored is read back.

    Args:
        score: Trains with a setting.
        options: Grid or TPE, and the values.
        direction: "maximize" or "minimize".
        seed: Of TPE's draws.
        storage: An Optuna storage's URL.
        study_name: Its study; it holds these trials alone.
        progress: Called at the beginning and after each setting that is tried now.
        notify: Takes the warning that a database server is waited for.

    Raises:
        StorageError: The storage cannot be read or written.
        RunDirectoryError: Another process holds the SQLite file, or the study on PostgreSQL.
    """
    grid = _grid(options)
    wanted = options.trials if grid is None else len(grid)
    with opened_study(storage, study_name, direction, notify) as (study, owner):

        def look_again() -> None:
            """Set aside what an attempt that failed may have asked for."""
            if owner is not None:
                owner.hold()
            _fail_open(study)

        patiently(lambda: _fail_open(study), again=look_again, notify=notify)
        stored = patiently(lambda: completed(study), notify=notify)
        done = [SettingTrial(dict(trial.params), kept_scores(trial)) for trial in stored]
        progress(len(done), wanted, None)
        while len(done) < wanted:
            trial = patiently(
                lambda: _ask(study, options, grid, len(done), seed),
                again=look_again,
                notify=notify,
            )
            setting = {key: trial.params[key] for key in options.parameters}
            scores = tuple(map(float, score(len(done), setting)))
            newest = SettingTrial(setting, scores)
            patiently(
                partial(complete, study, trial, scores, direction),
                again=owner.hold if owner else lambda: None,
                notify=notify,
            )
            done.append(newest)
            progress(len(done), wanted, newest)
    return tuple(done)


def best_setting(trials: Sequence[SettingTrial], direction: Direction) -> int | None:
    """Return the index of the best finite mean, the first of equal ones; None without any."""
    sign = sign_of(direction)
    finite = [index for index, trial in enumerate(trials) if math.isfinite(trial.mean)]
    return max(finite, key=lambda index: (sign * trials[index].mean, -index), default=None)


def _grid(options: TuneOptions) -> Sequence[Setting] | None:
    """Return all settings of a grid, the last key's values changing fastest; None for TPE."""
    if options.method == "tpe":
        return None
    lists = [values for values in options.parameters.values() if not isinstance(values, Range)]
    return [dict(zip(options.parameters, values, strict=True)) for values in product(*lists)]


def _ask(
    study: Study, options: TuneOptions, grid: Sequence[Setting] | None, number: int, seed: Seed
) -> Trial:
    import optuna

    # A sampler of its own for each trial: its draws do not depend on how the run was split up.
    draws = seed.child("tpe", number).integer() % 2**32
    study.sampler = optuna.samplers.TPESampler(seed=draws)
    if grid is not None:
        study.enqueue_trial(dict(grid[number]))
    trial = study.ask()
    for key, values in options.parameters.items():
        if not isinstance(values, Range):
            trial.suggest_categorical(key, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            trial.suggest_int(key, values.low, values.high, log=values.log)
        else:
            trial.suggest_float(key, values.low, values.high, log=values.log)
    return trial


def _fail_open(study: Study) -> None:
    """Set what a killed search left behind to FAIL: TPE does not look at it."""
    import optuna
    from optuna.trial import TrialState

    for frozen in left_open(study):
        study.tell(optuna.Trial(study, frozen._trial_id), state=TrialState.FAIL)
