"""The ledger: an Optuna study that holds every amount and its scores, through every kill.

One trial is one amount, or one round of an amount that a rule repeats: which round follows from the
trials before it. It is enqueued with its K, asked for, and told when its scores are there; Optuna
itself decides nothing. Whatever stops a search (SIGKILL, Ctrl-C, an exception in the score
function) leaves the trials under way RUNNING; the next search on the same study takes them over
and finishes them in place. So everything that was asked for is COMPLETE exactly once and trial
numbers follow the order of the search. Trials that no search needs any more are set to FAIL and
never read again.

One process at a time may own a study. For SQLite URLs a lock file beside the database sees to
that, on PostgreSQL an advisory lock; for other storages the caller does.

A database server that goes away is waited for. What was under way then may have arrived or not, so
the ledger looks at what is there before it says it again, as after a kill.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from augsearch.events import Notify, silent
from augsearch.records import Evaluation
from augsearch.search.base import SearchRule
from augsearch.search.ledger.connection import connected, opened_study
from augsearch.search.ledger.database import LedgerError, patiently
from augsearch.search.ledger.ownership import Ownership
from augsearch.search.ledger.trials import complete, completed, kept_scores, left_open
from augsearch.search.settings import Direction

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

Result = TypeVar("Result")

PARAMETER = "multiple"
_SETTINGS = "search"  # study attribute
_RANGE = (0.0, 1e7)  # of the parameter, for Optuna's plots only: multiples and counts of images


@contextlib.contextmanager
def open_ledger(
    storage: str | BaseStorage | None,
    study_name: str,
    direction: Direction,
    notify: Notify = silent,
) -> Iterator[Ledger]:
    """Open a search's study, or create it, as `opened_study` does; see there for what it takes.

    Raises:
        LedgerError: The study is someone else's, or has another direction; or `storage` is no URL.
    """
    with opened_study(storage, study_name, direction, notify) as (study, owner):
        yield patiently(lambda: Ledger(study, direction, owner, notify), notify=notify)


class Ledger:
    """The trials of one search, asked for and told in order."""

    def __init__(
        self,
        study: Study,
        direction: Direction,
        owner: Ownership | None = None,
        notify: Notify = silent,
    ) -> None:
        self._study = study
        self._owner = owner
        self._notify = notify
        self._asked: set[int] = set()
        self._amounts: set[float] = set()
        self._direction = direction
        stored = [one.name.lower() for one in study.directions]
        if stored != [direction]:
            raise LedgerError(
                f"study {study.study_name!r} was stored with direction {', '.join(stored)} but is "
                f"asked to {direction}; use that direction or another study_name."
            )
        if _SETTINGS not in study.user_attrs and study.get_trials(deepcopy=False):
            raise LedgerError(
                f"study {study.study_name!r} holds trials that are not augsearch's; "
                "use another study_name."
            )
        self._open = self._left_behind()

    def replay(self, rule: SearchRule, settings: Mapping[str, Any]) -> list[Evaluation]:
        """Return the stored evaluations in order, up to where `rule` stops.

        Args:
            rule: The rule of the search that goes on.
            settings: Its settings, JSON values; stored, and named if they do not fit.

        Raises:
            LedgerError: An amount is not the one that the rule tries at that point.
        """
        history: list[Evaluation] = []
        for evaluation in map(_evaluation, self._patiently(lambda: completed(self._study))):
            certain = rule.propose(history)
            if not certain:
                break
            if evaluation.multiple != certain[0]:
                raise self._mismatch(evaluation.multiple, certain[0], settings)
            history.append(evaluation)
        self._patiently(lambda: self._keep(settings))
        return history

    def ask(self, multiple: float) -> Trial:
        """Return a RUNNING trial of this amount: the one a killed search left, or a new one.

        Amounts must be asked for in the order of the search.

        Raises:
            LedgerError: Someone else has enqueued a trial in the meantime.
        """
        trial = self._patiently(lambda: self._take_over_or_enqueue(multiple))
        if trial.params[PARAMETER] != multiple:
            raise LedgerError(
                f"study {self._study.study_name!r} must have one owner but another process has "
                f"put multiple {trial.params[PARAMETER]:g} in; end it and start again."
            )
        self._asked.add(trial._trial_id)
        self._amounts.add(multiple)
        return trial

    def tell(self, trial: Trial, evaluation: Evaluation) -> None:
        """Complete `trial`."""
        self._patiently(partial(complete, self._study, trial, evaluation.scores, self._direction))

    def close_open(self) -> None:
        """Set what a killed search left behind, and this one does not need, to FAIL."""

        def close() -> None:
            self._open = self._left_behind()
            self._fail_open()

        self._patiently(close)

    def _patiently(self, call: Callable[[], Result]) -> Result:
        return patiently(call, again=self._look_again, notify=self._notify)

    def _look_again(self) -> None:
        """Find out what the database holds, now that the connection to it was lost."""
        if self._owner is not None:
            self._owner.hold()
        self._open = self._left_behind()

    def _keep(self, settings: Mapping[str, Any]) -> None:
        if self._study.user_attrs.get(_SETTINGS) != settings:
            self._study.set_user_attr(_SETTINGS, dict(settings))

    def _take_over_or_enqueue(self, multiple: float) -> Trial:
        from optuna.trial import TrialState

        if self._open and self._open[0][0] != multiple:
            self._fail_open()  # taken over out of turn they would break the order
        if self._open:
            return _with_parameter(self._open.popleft()[1], multiple)
        self._study.enqueue_trial({PARAMETER: float(multiple)})
        while True:
            trial = _with_parameter(self._study.ask(), multiple)
            amount = trial.params[PARAMETER]
            if amount == multiple or amount not in self._amounts:
                return trial
            # Optuna repeats by itself what may have arrived: an amount may be in the queue twice.
            self._study.tell(trial, state=TrialState.FAIL)

    def _fail_open(self) -> None:
        from optuna.trial import TrialState

        while self._open:
            self._study.tell(self._open.popleft()[1], state=TrialState.FAIL)

    def _left_behind(self) -> deque[tuple[float | None, Trial]]:
        """Return (amount, trial) of what was under way, RUNNING all of them, by number.

        What this search has under way itself is not among them.
        """
        import optuna

        return deque(
            (_amount(frozen), optuna.Trial(self._study, frozen._trial_id))
            for frozen in left_open(self._study)
            if frozen._trial_id not in self._asked
        )

    def _mismatch(self, stored: float, asked: float, settings: Mapping[str, Any]) -> LedgerError:
        before: Mapping[str, Any] = self._study.user_attrs[_SETTINGS]
        changed = "; ".join(
            f"{name} was {before.get(name)} and is now {settings.get(name)}"
            for name in {**before, **settings}
            if before.get(name) != settings.get(name)
        )
        return LedgerError(
            f"study {self._study.study_name!r} holds multiple {stored:g} where this search tries "
            f"{asked:g}" + (f" ({changed})" if changed else "") + "; use the stored settings "
            "again or another study_name."
        )


def stored_evaluations(storage: str, study_name: str) -> list[Evaluation]:
    """Return what a study of a storage (its URL) holds so far, in order, and change nothing.

    Raises:
        RunDirectoryError: Another process holds the SQLite file.
        StorageError: The storage cannot be read.
    """
    import optuna

    def read() -> list[FrozenTrial]:
        if study_name not in optuna.get_all_study_names(opened):
            return []
        return completed(optuna.load_study(study_name=study_name, storage=opened))

    with connected(storage) as opened:
        return list(map(_evaluation, patiently(read)))


def _with_parameter(trial: Trial, multiple: float) -> Trial:
    """Give the trial its K, which was fixed when it was enqueued, unless it has it already."""
    if PARAMETER not in trial.params:
        trial.suggest_float(PARAMETER, min(_RANGE[0], multiple), max(_RANGE[1], multiple))
    return trial


def _amount(trial: FrozenTrial) -> float | None:
    """Return the K of a trial that may have been killed before it was given the parameter."""
    amount: float | None = trial.params.get(PARAMETER)
    if amount is None:
        amount = trial.system_attrs.get("fixed_params", {}).get(PARAMETER)
    return amount


def _evaluation(trial: FrozenTrial) -> Evaluation:
    return Evaluation.of(trial.params[PARAMETER], kept_scores(trial))
