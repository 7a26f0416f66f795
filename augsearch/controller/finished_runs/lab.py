"""`augsearch lab`: search rules on simulated curves, or on a finished run's noise and history."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from augsearch.controller.run_directory.finished import FinishedRun, finished_run
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.evaluation.metrics import get_metric
from augsearch.events import Notify, StageStarted, silent
from augsearch.lab.advice import advise
from augsearch.lab.curves import GAIN
from augsearch.lab.findings import (
    LabReport,
    ReplayedRule,
    Resolution,
    RunFindings,
    replay_all,
    resolution,
)
from augsearch.lab.history import History
from augsearch.lab.noise import LUCK_SD, Noise, auc_variance
from augsearch.lab.simulation import TUNING_SETS, Setting, simulate, standard_contenders
from augsearch.records import Evaluation
from augsearch.search.rules.registry import rule_of
from augsearch.search.rules.sliding_window import SlidingWindow
from augsearch.seeds import Seed
from augsearch.study.results import ArmResult, HistoryEntry, StudyResult
from augsearch.study.schema.arms import Arm, SearchOptions
from augsearch.study.schema.study import EvaluationOptions

SIMULATIONS = 100
"""Curves of each shape and setting by default."""


def search_lab(
    run: Path | None = None, simulations: int = SIMULATIONS, notify: Notify = silent
) -> LabReport:
    """Compare search rules, and recommend one.

    The same call gives the same numbers.

    Args:
        run: A finished run whose tuning set, noise and history are used; None: the lab's three
            tuning sets.
        simulations: Curves of each shape and setting, at least 2.
        notify: Takes progress.

    Raises:
        RunDirectoryError: No finished run, or none of its arms has a search over multiples.
        StorageError: A file of the run is damaged.
    """
    if run is None:
        settings = [Setting.standard(images) for images in TUNING_SETS]
        return _report(settings, simulations, notify, None)
    with finished_run(run) as finished:
        settings, findings = _of_run(_read(finished))
    return _report(settings, simulations, notify, findings)


def _report(
    settings: Sequence[Setting], simulations: int, notify: Notify, run: RunFindings | None
) -> LabReport:
    scores = []
    for setting in settings:
        notify(StageStarted(f"simulate {setting.images} tuning images"))
        scores.append(simulate(setting, standard_contenders(), simulations, Seed.of(0, "lab")))
    return LabReport(
        simulations=simulations,
        settings=tuple(settings),
        scores=tuple(one for of_setting in scores for one in of_setting),
        advice=tuple(map(advise, scores)),
        run=run,
    )


class _FrozenStudy(BaseModel):
    """What has to be known of a run's study; its data need not be there any more."""

    arms: dict[str, Arm]
    evaluation: EvaluationOptions


@dataclass(frozen=True, eq=False)
class _ReadRun:
    """What the lab reads of a run.

    Attributes:
        result: results.json.
        evaluation: The study's [evaluation].
        tuning: Per fold, tuning images of each class.
        n_test: Test images.
        histories: Searched arms whose amounts are multiples.
        others: Searched arms whose amounts count something else.
    """

    result: StudyResult
    evaluation: EvaluationOptions
    tuning: Sequence[Mapping[str, int]]
    n_test: int
    histories: Mapping[str, History]
    others: Sequence[str]

    @property
    def arm(self) -> str:
        """The arm that noise is measured on: the verdict's if it was searched, else the first."""
        declared = self.result.verdict.arm if self.result.verdict else None
        return next(
            (name for name in self.histories if name == declared), next(iter(self.histories))
        )


def _read(finished: FinishedRun) -> _ReadRun:
    directory, result, study = finished.directory, finished.result, finished.study(_FrozenStudy)
    tuning, n_test = _parts(directory.path / "tables" / "split.csv")
    searches = {name: arm.search for name, arm in study.arms.items() if arm.search is not None}
    searched = {name: result.arms[name] for name in searches}
    if not searched:
        raise RunDirectoryError(
            f"{directory.path} must be a run with a search but none of its arms has one; "
            "add search = {source = ...} to an arm, or use `augsearch lab` alone."
        )
    multiples = [name for name, arm in searched.items() if arm.unit == "multiple"]
    if not multiples:
        raise RunDirectoryError(
            f"{directory.path} must have a search over multiples K but its searches count images; "
            "use `augsearch lab` alone."
        )
    histories = {
        name: _history(searched[name], searches[name], study.evaluation, len(tuning))
        for name in multiples
    }
    others = [name for name in searched if name not in multiples]
    return _ReadRun(result, study.evaluation, tuning, n_test, histories, others)


def _history(
    arm: ArmResult, search: SearchOptions, evaluation: EvaluationOptions, n_folds: int
) -> History:
    direction = get_metric(evaluation.metric).direction
    rule = rule_of(search, direction)
    own = rule if isinstance(rule, SlidingWindow) else None
    entries = list(map(_evaluation, arm.history))
    noise = arm.smoothed.noise if arm.smoothed else None
    return History.of(entries, n_folds, evaluation.replicates, direction, own, noise)


def _evaluation(entry: HistoryEntry) -> Evaluation:
    scores = [math.nan if score is None else score for score in entry.scores]
    return Evaluation.of(entry.multiple, scores)


def _parts(path: Path) -> tuple[list[Counter[str]], int]:
    """Return, per fold, tuning images of each class; and the number of test images."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        folds: dict[str, Counter[str]] = {}
        for row in rows:
            if row["part"] in ("tune", "fold"):
                folds.setdefault(row.get("fold") or "", Counter())[row["class"]] += 1
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise StorageError(
            f"cannot read {path}: {error}. Run the study anew with --fresh to have it made again."
        ) from error
    return list(folds.values()), sum(row["part"] == "test" for row in rows)


def _of_run(run: _ReadRun) -> tuple[list[Setting], RunFindings]:
    history = run.histories[run.arm]
    first = min(history.scores)
    spread = history.replicate_sd()
    notes = list(_notes(run, spread))
    setting = None
    if run.evaluation.metric == "auc":
        setting = _setting(run, float(history.scores[first].mean()), spread)
    if setting is not None and first != 1:
        notes.append(
            f"Arm {run.arm!r} has no score at K = 1: the simulated curves begin there at its score "
            f"at K = {first:g}."
        )
    if setting is None:
        notes.append(
            f"Nothing was simulated: the lab simulates AUCs, and the scores of arm {run.arm!r} "
            f"({run.evaluation.metric}) are none, or not finite at {first:g}."
        )
    found = _resolution(run)
    if found is None:
        why = "no arm's test AUC differs from the baseline's by a gain with an interval"
        if not run.n_test:
            why = "the run has no test set"
        notes.append(f"The smallest gain that the test set can resolve is not known: {why}.")
    findings = RunFindings(
        arm=run.arm,
        first_amount=first,
        first_sd=history.replicate_sd(first),
        replicate_sd=spread,
        resolution=found,
        replays=tuple(_replays(run)),
        notes=tuple(notes),
    )
    return [setting] if setting else [], findings


def _setting(run: _ReadRun, base: float, replicate_sd: float | None) -> Setting | None:
    """Return what to simulate; None if the score at the first amount is not finite.

    Image noise follows from number and balance of the tuning images (Hanley and McNeil 1982), of
    several classes as the mean over one against the rest, of several folds as that of their mean.
    """
    if not math.isfinite(base):
        return None
    variances = []
    for counts in run.tuning:
        total = sum(counts.values())
        of_class = [auc_variance(base, one, total - one) for one in counts.values()]
        variances.append(sum(of_class) / len(of_class))
    variance = sum(variances) / len(variances) ** 2
    images = sum(sum(counts.values()) for counts in run.tuning)
    if replicate_sd is None:
        noise = Noise.of_images(variance, LUCK_SD / math.sqrt(len(run.tuning)))
    else:
        noise = Noise.measured(variance, replicate_sd)
    # Where little room is left above the base score, curves rise by half of it.
    return Setting(images, noise, base, min(GAIN, (1 - base) / 2))


def _resolution(run: _ReadRun) -> Resolution | None:
    """Return what the test set can show, from the verdict's arm or else the first with a gain."""
    names = dict.fromkeys([run.arm, *run.result.arms])
    for name in names if run.n_test else ():
        gain = run.result.arms[name].gain
        if gain and gain.low is not None and gain.high is not None and gain.high > gain.low:
            confidence = run.evaluation.confidence
            return resolution(name, run.n_test, gain.low, gain.high, confidence)
    return None


def _replays(run: _ReadRun) -> Iterator[ReplayedRule]:
    for name, history in run.histories.items():
        yield from replay_all(name, history)


def _notes(run: _ReadRun, spread: float | None) -> Iterator[str]:
    if spread is None:
        yield (
            "The noise of trainings cannot be measured: the run has one replicate of each amount "
            "(evaluation.replicates); the true AUCs of trainings are supposed to have an SD of "
            f"{LUCK_SD:g}."
        )
    elif spread == 0:
        yield (
            "All replicates of an amount score the same, so replicates are no use to this run, and "
            "its noise is that of the tuning images alone."
        )
    if run.others:
        arms = ", ".join(map(repr, run.others))
        yield f"Not replayed, as their amounts count images and not multiples: arms {arms}."
