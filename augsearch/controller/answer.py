"""The end of a run: declare what was chosen, train it anew, open the test set once, compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.arms import SearchedArm
from augsearch.controller.directory import RunDirectory
from augsearch.controller.outputs import AnswerFiles
from augsearch.controller.preparation import Prepared, classifier_name
from augsearch.errors import RunDirectoryError
from augsearch.evaluation.intervals import metric_interval
from augsearch.evaluation.verdict import Verdict, verdict
from augsearch.execution.cells import fresh_trainings
from augsearch.records import Portion
from augsearch.study.results import Interval, VerdictResult

METRICS = ("auc", "accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "kappa")

SAME_SET = "the choice is the baseline's own training set, so there is nothing to gain"

Outputs = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Declaration:
    """What is said before the test set is opened.

    Attributes:
        baseline: The arm that gains are measured against.
        multiples: The chosen amount of every arm that has one.
        arm: The arm that the verdict is about; None if there is only the baseline.
    """

    baseline: str
    multiples: Mapping[str, float]
    arm: str | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the test set said.

    Attributes:
        test: Arm -> class probabilities, float64, (trainings, images, classes).
        external: The same on the external set; empty without one.
        files: Arm -> what its trainings left (features, training curve).
        gains: Arm -> gain over the baseline.
        answer: The verdict on the declared arm.
    """

    test: Outputs
    external: Outputs
    files: Mapping[str, AnswerFiles]
    gains: Mapping[str, Verdict]
    answer: VerdictResult | None


def declare(
    searched: Mapping[str, SearchedArm], baseline: str, prepared: Prepared, directory: RunDirectory
) -> Declaration:
    """Fix the choice from tuning scores alone, and write it down with the time.

    The verdict is about the searched arm with the best tuning score; without a search, about the
    best arm that is not the baseline. Ties go to the arm that stands first in the study.

    Raises:
        RunDirectoryError: Another choice was declared before; the test set may have been opened.
    """
    multiples = {name: one.multiple for name, one in searched.items() if one.multiple is not None}
    others = [name for name in prepared.study.arms if name in multiples and name != baseline]
    candidates = [name for name in others if searched[name].arm.search is not None] or others
    sign = 1.0 if prepared.metric.greater_is_better else -1.0

    def merit(name: str) -> float:
        score = searched[name].found.score
        return -np.inf if score is None else sign * score

    declaration = Declaration(
        baseline, multiples, max(candidates, key=merit) if candidates else None
    )
    choice = {"baseline": baseline, "multiples": multiples, "arm": declaration.arm}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    declared = directory.remember("declaration", {"declared_at": now} | choice)
    if declared != {"declared_at": declared["declared_at"]} | choice:
        raise RunDirectoryError(
            f"the choice must be the one declared at {declared['declared_at']}, before the test "
            f"set was opened, but the ledger of {directory.path} now says otherwise; "
            "add --fresh to start anew beside it."
        )
    return declaration


def open_test_set(
    declaration: Declaration,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
) -> Outcome:
    """Train every declared arm anew, score it on test and external images, judge the gains."""
    sets = {"test": prepared.test}
    if prepared.external is not None:
        sets["external"] = prepared.external
    outputs: dict[str, dict[str, NDArray[np.float64]]] = {name: {} for name in sets}
    known: dict[tuple[object, ...], AnswerFiles] = {}
    files: dict[str, AnswerFiles] = {}
    for name, multiple in declaration.multiples.items():
        arm = searched[name]
        same = _trainings(arm, multiple, prepared)
        if same not in known:  # arms of the same recipe and classifier are the same trainings
            known[same] = _tested(arm, multiple, sets, prepared, directory)
        files[name] = known[same]
        for part, values in files[name].outputs.items():
            outputs[part][name] = values
    gains = _gains(declaration, prepared, outputs["test"])
    answer = _answer(declaration, gains, outputs["test"])
    return Outcome(outputs["test"], outputs.get("external", {}), files, gains, answer)


def _trainings(arm: SearchedArm, multiple: float, prepared: Prepared) -> tuple[object, ...]:
    """Return all that decides an arm's fresh trainings."""
    recipes = tuple(arm.score.recipe(multiple, fold) for fold in arm.score.folds)
    setting = tuple(arm.tuned.trials[arm.tuned.chosen].setting.items()) if arm.tuned else ()
    return (recipes, classifier_name(prepared.study, arm.name), setting)


def _tested(
    arm: SearchedArm,
    multiple: float,
    sets: Mapping[str, Portion],
    prepared: Prepared,
    directory: RunDirectory,
) -> AnswerFiles:
    files = AnswerFiles(directory.artifacts / "test", arm.name, sets)
    if not files.complete:
        fitted = fresh_trainings(arm.score, multiple, prepared.study.evaluation.test_replicates)
        files.write(fitted, sets, with_features="t-sne" in prepared.study.report.figures)
    return files


def _gains(declaration: Declaration, prepared: Prepared, outputs: Outputs) -> dict[str, Verdict]:
    if declaration.baseline not in outputs:
        return {}
    base = outputs[declaration.baseline]
    confidence = prepared.study.evaluation.confidence
    return {
        name: verdict(prepared.test.labels, base, values, confidence)
        for name, values in outputs.items()
        if name != declaration.baseline
    }


def _answer(
    declaration: Declaration, gains: Mapping[str, Verdict], outputs: Outputs
) -> VerdictResult | None:
    if declaration.arm is None or declaration.arm not in gains:
        return None
    gain = gains[declaration.arm]
    same = outputs[declaration.arm] is outputs[declaration.baseline]
    return VerdictResult(
        arm=declaration.arm,
        label=gain.label,
        gain=gain.gain,
        low=finite(gain.low),
        high=finite(gain.high),
        note=SAME_SET if same else gain.note,
    )


def intervals(
    prepared: Prepared, name: str, part: str, labels: NDArray[np.int64], outputs: Outputs
) -> dict[str, Interval]:
    """Return every reported metric of one arm with its interval."""
    confidence = prepared.study.evaluation.confidence
    table = {}
    for metric in dict.fromkeys([*METRICS, prepared.metric.name]):
        seed = prepared.seed.child("interval", part, metric)  # the same draws for every arm
        values = metric_interval(metric, labels, outputs[name], confidence, seed)
        table[metric] = Interval.model_validate(
            dict(zip(("value", "low", "high"), map(finite, values), strict=True))
        )
    return table


def finite(value: float) -> float | None:
    """Return the number, or None where JSON has no word for it."""
    return float(value) if np.isfinite(value) else None
