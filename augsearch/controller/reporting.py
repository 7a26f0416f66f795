"""Gathers what the report shows from a run that has just ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from augsearch.controller.answer import Outcome
from augsearch.controller.directory import RunDirectory
from augsearch.controller.preparation import Prepared
from augsearch.data.splits import summary
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import describe
from augsearch.report.contents import Gallery, Outputs, ReportContents
from augsearch.report.html import write_report
from augsearch.study.compare import flatten
from augsearch.study.results import StudyResult
from augsearch.study.schema.sources import TRAINED

PICTURES = 8
"""Images per class and gallery."""


def write_run_report(
    directory: RunDirectory,
    prepared: Prepared,
    folds: Sequence[FoldImages],
    result: StudyResult,
    outcome: Outcome,
    text: str,
    facts: Mapping[str, str],
) -> None:
    """Write report.html, tables and figures into the run directory."""
    study = prepared.study
    external = prepared.external
    contents = ReportContents(
        result=result,
        classes=prepared.images.classes,
        metric=prepared.metric.name,
        confidence=study.evaluation.confidence,
        windows={name: arm.search.window for name, arm in study.arms.items() if arm.search},
        recipes={name: describe(study.arms[name]) for name in study.arms},
        test=Outputs(prepared.test.labels, outcome.test),
        external=Outputs(external.labels, outcome.external) if external else None,
        galleries=_galleries(prepared, folds[0]),
        generators=[name for name in prepared.sources if isinstance(study.sources[name], TRAINED)],
        n_folds=len(folds),
        parts=summary(prepared.dataset, prepared.split),
        study_text=text,
        settings=flatten(study),
        facts=facts,
    )
    write_report(contents, directory.path)


def _galleries(prepared: Prepared, fold: FoldImages) -> list[Gallery]:
    galleries = []
    for label, name in enumerate(prepared.images.classes):
        rows = fold.train.rows[fold.train.labels == label][:PICTURES]
        galleries.append(Gallery("real, training set", name, fold.train.block.pixels[rows]))
        for source, store in fold.pools.items():
            size = store.size(label)
            count = PICTURES if size is None else min(PICTURES, size)
            shown = [block.pixels[rows] for block, rows in store.blocks(label, 0, count)]
            if shown:  # a folder source may have no image of a class
                galleries.append(Gallery(source, name, np.concatenate(shown)))
    return galleries
