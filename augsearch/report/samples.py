"""Whose outputs on which images a table speaks of, training by training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from augsearch.evaluation.confusion import count, decide
from augsearch.evaluation.metrics import get_metric
from augsearch.report.contents import Outputs, ReportContents, Sample, TuningOutputs
from augsearch.study.schema.report import TableOptions

Floats = NDArray[np.float64]


def arms_of(contents: ReportContents, options: TableOptions) -> tuple[str, ...]:
    """Return the arms of a table, in the order it gives, else in the study's."""
    return options.arms or tuple(contents.result.arms)


def sample_of(contents: ReportContents, options: TableOptions, arm: str) -> Sample | None:
    """Return what an arm said about the table's images; None if it was not asked."""
    if options.images == "tuning":
        chosen = chosen_outputs(contents, arm)
        return pooled(chosen.folds) if chosen else None
    return set_sample(contents.test if options.images == "test" else contents.external, arm)


def set_sample(outputs: Outputs | None, arm: str) -> Sample | None:
    """Return what an arm said about test or external set; None if it was not asked."""
    if outputs is None or arm not in outputs.probabilities or not len(outputs.labels):
        return None
    generators = outputs.generators.get(arm)
    return Sample(outputs.labels, outputs.probabilities[arm], outputs.patients, generators)


def chosen_outputs(contents: ReportContents, arm: str) -> TuningOutputs | None:
    """Return an arm's outputs on the tuning set at its chosen amount; None without any."""
    amount = contents.result.arms[arm].multiple
    return next((one for one in contents.tuning.get(arm, ()) if one.amount == amount), None)


def pooled(folds: Sequence[Sample]) -> Sample:
    """Put the folds' images one after the other: replicate r speaks with its model of each fold.

    This is how cross-validation makes one confusion matrix of k (Frid-Adar et al. 2018, section
    4.1), and one value per replicate of any metric.
    """
    labels = np.concatenate([one.labels for one in folds])
    outputs = np.concatenate([one.probabilities for one in folds], axis=1)
    patients = [one.patients for one in folds if one.patients is not None]
    return Sample(labels, outputs, np.concatenate(patients) if patients else None)


def best_settings(contents: ReportContents, arm: str) -> Sample | None:
    """Return each replicate's outputs by the setting that scored best in that replicate.

    "Best of the settings, averaged over the runs", as in Roglin et al. 2022: the study's metric on
    the tuning set chooses, and the same images are scored, which is too high. None without [tune].
    """
    tuned = contents.tuned.get(arm)
    if tuned is None:
        return None
    settings = [pooled(folds) for folds in tuned.outputs]
    merits = get_metric(contents.metric).sign * np.array(
        [one.scores(contents.metric) for one in settings]
    )
    best = np.where(np.isnan(merits), -np.inf, merits).argmax(axis=0)
    rows = [settings[setting].probabilities[run] for run, setting in enumerate(best)]
    return replace(settings[0], probabilities=np.stack(rows))


def confusion_of(sample: Sample) -> Floats:
    """Return the confusion matrix, (C, C), row = true class: the mean over the trainings."""
    decided = decide(sample.probabilities)
    n_classes = sample.probabilities.shape[-1]
    counts = [count(sample.labels, one, n_classes) for one in decided]
    return np.asarray(np.mean(counts, axis=0))


def table_confusions(contents: ReportContents, options: TableOptions) -> Mapping[str, Floats]:
    """Return the confusion matrices below a table: arm -> (C, C); empty if it has none.

    Of `value = "first"` it is the first training's, else the mean over the trainings.
    """
    if not options.confusion:
        return {}
    found = {arm: sample_of(contents, options, arm) for arm in arms_of(contents, options)}
    return {
        arm: confusion_of(first(sample) if options.value == "first" else sample)
        for arm, sample in found.items()
        if sample is not None
    }


def first(sample: Sample) -> Sample:
    """Return the first training alone."""
    return replace(sample, probabilities=sample.probabilities[:1], generators=None)
