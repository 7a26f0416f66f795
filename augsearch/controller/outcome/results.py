"""The result of a run, made from what its stages left: results.json says no more and no less."""

from __future__ import annotations

from collections.abc import Mapping

from augsearch.controller.outcome.endpoints import endpoint_gains
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.answer import Outcome, Part
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.auditing import kept_audits
from augsearch.controller.stages.generator_replicates import Generations, with_scope
from augsearch.controller.stages.preparation import Prepared
from augsearch.controller.stages.real_equivalence import RealCurve, equivalence
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.report.contents import Smoothed
from augsearch.search.rounds import merged
from augsearch.study.results import (
    ArmResult,
    EndpointGain,
    HistoryEntry,
    Interval,
    SmoothedChoice,
    StudyResult,
    finite,
)

METRICS = ("auc", "accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "kappa")


def study_result(
    directory: RunDirectory,
    prepared: Prepared,
    searched: Mapping[str, SearchedArm],
    outcome: Outcome,
    curve: RealCurve | None,
    curves: Mapping[str, Smoothed],
    generations: Generations,
) -> StudyResult:
    """Return the result of a whole run, as it will stand in results.json.

    Args:
        directory: Its audits, warnings and seconds are part of the result.
        prepared: The study's images and tools.
        searched: Every arm of the study and every control, in order.
        outcome: What the test set said.
        curve: Scores of the baseline on subsets of the real images, if they were asked for.
        curves: The smoothed curves of the searches that have one.
        generations: The trainings of the generators behind the verdict.
    """
    gain = outcome.gains.get(outcome.answer.arm) if outcome.answer else None
    audits = kept_audits(prepared, directory)
    return StudyResult(
        study=prepared.study.name,
        baseline=prepared.study.baseline_arm,
        judged_on="test" if prepared.study.has_test_set else "tuning",
        arms={
            name: _arm_result(
                prepared,
                one,
                outcome,
                curves.get(name),
                endpoint_gains(prepared, name, outcome),
            )
            for name, one in searched.items()
        },
        verdict=with_scope(outcome.answer, searched, prepared, generations, audits),
        test_opened_before=list(outcome.opened_before),
        real_equivalence=equivalence(curve, gain, prepared) if curve and gain else None,
        audits=audits,
        warnings=directory.warnings,
        seconds=directory.seconds,
    )


def _arm_result(
    prepared: Prepared,
    one: SearchedArm,
    outcome: Outcome,
    curve: Smoothed | None,
    endpoints: dict[str, EndpointGain],
) -> ArmResult:
    gain = outcome.gains.get(one.name)
    return ArmResult(
        multiple=one.multiple,
        unit=one.arm.unit,
        setting=dict(one.tuned.setting) if one.tuned else None,
        n_train=one.train_size,
        score=None if one.found.score is None else finite(one.found.score),
        smoothed=_smoothed(curve) if curve else None,
        stopped_at=one.found.stopped_at,
        reason=one.found.reason if one.arm.search else None,
        history=_history(one),
        test=_tested(prepared, one.name, outcome, "test") or {},
        external=_tested(prepared, one.name, outcome, "external"),
        gain=(Interval.of(gain.gain, gain.low, gain.high) if gain else None),
        endpoints=endpoints,
        control_of=one.control_of,
    )


def _smoothed(curve: Smoothed) -> SmoothedChoice:
    multiple, mean, sd = (float(of[curve.best]) for of in (curve.multiples, curve.mean, curve.sd))
    return SmoothedChoice(multiple=multiple, mean=mean, sd=sd, noise=curve.noise)


def _history(one: SearchedArm) -> list[HistoryEntry]:
    return [
        HistoryEntry(
            multiple=entry.multiple,
            score=finite(entry.score),
            scores=[finite(score) for score in entry.scores],
        )
        for entry in merged(one.found.history)
    ]


def _tested(
    prepared: Prepared, name: str, outcome: Outcome, part: Part
) -> dict[str, Interval] | None:
    """Return every reported metric of one arm with its interval; None if it was not asked."""
    images = {"test": prepared.test, "external": prepared.external}[part]
    outputs = outcome.outputs(part)
    if images is None or name not in outputs:
        return None
    confidence, groups = prepared.study.evaluation.confidence, outcome.groups.get(name)
    table = {}
    asked = (prepared.metric.name, *prepared.study.evaluation.endpoints)
    for metric in dict.fromkeys([*METRICS, *asked]):
        seed = prepared.seed.child("interval", part, metric)  # the same draws for every arm
        values = metric_interval(
            metric, images.labels, outputs[name], confidence, seed, groups, images.patients
        )
        table[metric] = Interval.of(*values)
    return table
