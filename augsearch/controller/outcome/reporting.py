"""Gathers what the report shows from a run that has just ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.outcome.curves import confidence_sets
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.answer import Outcome, Part
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.auditing import shown_audits
from augsearch.controller.stages.preparation import Prepared
from augsearch.data.splits import summary
from augsearch.errors import SourceError
from augsearch.evaluation.images.ms_ssim import ms_ssim_along, within_class_ms_ssim
from augsearch.execution.cells import Floats
from augsearch.execution.folds import FoldImages
from augsearch.files import read_json
from augsearch.records import Portion, pixels_of
from augsearch.report.contents import (
    Gallery,
    Likeness,
    Outputs,
    ReportContents,
    Sample,
    TunedArm,
    TuningOutputs,
)
from augsearch.report.html import write_report
from augsearch.search.rounds import merged
from augsearch.study.order import trained_sources, used_sources

NO_LABELS = np.empty(0, dtype=np.int64)

PICTURES = 8
"""Images per class and gallery."""

PAIRS = 100
"""Pairs of images that MS-SSIM is averaged over, as Kong et al. 2022 do."""

LARGEST_LIKENESS = 4096
"""Images of a class that MS-SSIM along the amounts looks at; more would change no mean of pairs."""


def write_run_report(conclusion: Conclusion) -> None:
    """Write report.html, tables and figures into the run directory."""
    prepared, searched, outcome = conclusion.prepared, conclusion.searched, conclusion.outcome
    study, result = prepared.study, conclusion.result
    external = prepared.external
    folds = conclusion.folds
    contents = ReportContents(
        result=result,
        classes=prepared.images.classes,
        test=_outputs(prepared.test, "test", outcome),
        external=_outputs(external, "external", outcome) if external else None,
        galleries=_galleries(prepared, folds[0]),
        snapshots={
            name: _snapshots(conclusion.directory, name, folds) for name in trained_sources(study)
        },
        selections={
            name: _selected(conclusion.directory, name, folds)
            for name in used_sources(study)
            if study.sources[name].select is not None
        },
        n_folds=len(folds),
        parts=summary(prepared.dataset, prepared.split),
        study_text=conclusion.directory.study_text,
        study=study,
        tuning={name: _tuning(arm) for name, arm in searched.items()},
        embeddings=_embeddings(outcome) if "t-sne" in study.report.figures else {},
        likeness=_likenesses(prepared, searched) if "ms-ssim" in study.report.figures else {},
        training_curves={name: files.curve for name, files in outcome.files.items() if files.curve},
        tuned={name: tuned for name, arm in searched.items() if (tuned := _tuned(arm))},
        smoothed=conclusion.curves,
        confidence_sets=confidence_sets(prepared, searched),
        audits=shown_audits(folds, result.audits),
        facts=conclusion.facts,
    )
    write_report(contents, conclusion.directory.path)


def _outputs(images: Portion | None, part: Part, outcome: Outcome) -> Outputs:
    probabilities = outcome.outputs(part)
    if images is None:
        return Outputs(NO_LABELS, probabilities)
    return Outputs(images.labels, probabilities, images.patients, outcome.groups)


def _snapshots(directory: RunDirectory, source: str, folds: Sequence[FoldImages]) -> list[int]:
    """Return the iterations whose state a generator's trainings ended with, one per network."""
    folders = [directory.source_folder(source, fold.number) for fold in folds]
    choices = [path for folder in folders for path in folder.glob("**/choice.json")]
    return sorted({int(read_json(path)["chosen"]) for path in choices})


def _selected(
    directory: RunDirectory, source: str, folds: Sequence[FoldImages]
) -> list[tuple[int, int]]:
    """Return how many of the first images a selection looked at and kept, in each fold."""
    folders = [directory.source_folder(source, fold.number) for fold in folds]
    records = [read_json(path) for folder in folders for path in folder.glob("selection.json")]
    return [(sum(one["made"].values()), sum(one["kept"].values())) for one in records]


def _tuning(arm: SearchedArm) -> list[TuningOutputs]:
    folds = arm.score.folds
    return [
        TuningOutputs(
            amount=entry.multiple,
            n_train=float(np.mean([arm.size(fold, entry.multiple) for fold in folds])),
            folds=_samples(folds, arm.tuning_outputs(entry.multiple)),
        )
        for entry in merged(arm.found.history)
    ]


def _samples(folds: Sequence[FoldImages], outputs: Sequence[Floats]) -> list[Sample]:
    return [
        Sample(fold.tune.labels, output, fold.tune.patients)
        for fold, output in zip(folds, outputs, strict=True)
    ]


def _tuned(arm: SearchedArm) -> TunedArm | None:
    if arm.tuned is None:
        return None
    tuned, folds = arm.tuned, arm.score.folds
    return TunedArm(
        settings=[trial.setting for trial in tuned.trials],
        scores=np.array([trial.scores for trial in tuned.trials]),
        chosen=tuned.chosen,
        outputs=[_samples(folds, tuned.outputs(number)) for number in range(len(tuned.trials))],
    )


def _embeddings(outcome: Outcome) -> dict[str, NDArray[np.float32]]:
    found = {name: files.features for name, files in outcome.files.items()}
    return {name: features for name, features in found.items() if features is not None}


def _likenesses(
    prepared: Prepared, searched: Mapping[str, SearchedArm]
) -> dict[str, list[Likeness]]:
    return {
        name: list(_likeness(prepared, arm, arm.arm.search.source))
        for name, arm in searched.items()
        if arm.arm.search is not None
    }


def _likeness(prepared: Prepared, arm: SearchedArm, source: str) -> Iterator[Likeness]:
    """Yield, per class, how alike the first fold's images are that each amount adds."""
    fold = arm.score.folds[0]
    amounts = np.array([entry.multiple for entry in merged(arm.found.history)])
    for label, name in enumerate(prepared.images.classes):
        seed = prepared.seed.child("ms-ssim", label)
        real = fold.train.take(np.flatnonzero(fold.train.labels == label)).pixels
        if len(real) < 2:
            continue
        spread = within_class_ms_ssim(real, seed, PAIRS)
        counts = np.array(
            [arm.score.recipe(amount, fold).taken(source)[label] for amount in amounts]
        )
        means = np.full(len(amounts), np.nan)
        enough = counts >= 2
        if enough.any():
            counts = np.minimum(counts, LARGEST_LIKENESS)
            images = _first_images(fold, source, label, int(counts.max()))
            found = ms_ssim_along(images, counts[enough].tolist(), seed, PAIRS)
            means[enough] = [one.mean for one in found]
        note = f"{PAIRS} pairs at most, {spread.scales} of 5 scales"
        yield Likeness(name, spread.mean, amounts, means, note)


def _first_images(fold: FoldImages, source: str, label: int, count: int) -> NDArray[np.uint8]:
    return pixels_of(fold.made(source, label, 0, count), fold.train.block.pixels.shape[1:])


def _galleries(prepared: Prepared, fold: FoldImages) -> list[Gallery]:
    galleries = []
    for label, name in enumerate(prepared.images.classes):
        own = fold.train.take(np.flatnonzero(fold.train.labels == label)[:PICTURES])
        galleries.append(Gallery("real, training set", name, own.pixels))
        for source, store in fold.pools.items():
            size = store.size(label)
            count = PICTURES if size is None else min(PICTURES, size)
            # A folder may have no image of a class, and a selection never meet one.
            with suppress(SourceError):
                images = _first_images(fold, source, label, count)
                galleries.append(Gallery(source, name, images))
    return galleries
