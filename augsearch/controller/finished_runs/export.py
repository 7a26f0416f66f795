"""`augsearch export RUN`: what others are given of a finished run, in a folder with a card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from augsearch.amounts import amount_words
from augsearch.controller.finished_runs.exports.chosen import (
    ChosenTraining,
    chosen_arm,
    chosen_training,
)
from augsearch.controller.finished_runs.exports.features import export_features
from augsearch.controller.finished_runs.exports.images import export_images
from augsearch.controller.finished_runs.exports.model import PYFUNC, export_model
from augsearch.controller.finished_runs.revisit import revisited
from augsearch.controller.mirror import Mirror, tracking_uri
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.run_directory.sharing import NO_STORES, Stores
from augsearch.errors import AugsearchError, RunDirectoryError
from augsearch.events import Notify, silent
from augsearch.export.images import ImageFormat
from augsearch.files import new_folder, real_path
from augsearch.report.words.sentences import verdict_sentence
from augsearch.tracking.store import absolute_uri
from augsearch.tracking.trust import no_sign_in, nothing_made_elsewhere

What = Literal["images", "model", "features"]


@dataclass(frozen=True)
class Exported:
    """An export that was written.

    Attributes:
        folder: Where it lies.
        contents: What is in it, in sentences.
        verdict: What the run found, in a sentence.
        told: MLflow's tracking URI, if the export is among the run's artifacts there or on its way.
    """

    folder: Path
    contents: Sequence[str]
    verdict: str
    told: str | None


def export_run(
    run: Path,
    what: What,
    out: Path | None = None,
    arm: str | None = None,
    image_format: ImageFormat | None = None,
    track: bool = False,
    notify: Notify = silent,
    stores: Stores = NO_STORES,
) -> Exported:
    """Write what a finished run made of an arm into a new folder, whole or not at all.

    Everything is of one training: the first of those that the arm's result is the mean of.

    Args:
        run: The run directory.
        what: "images": the synthetic images that the chosen amount adds, with a manifest. "model":
            the classifier, for torch, ONNX and MLflow. "features": what it sees of all images.
        out: The folder; default: RUN/exports/WHAT-ARM.
        arm: Name of the arm; default: the one that the verdict is about.
        image_format: Of images alone; default: PNG.
        track: Add the export to the artifacts of the arm's MLflow run, by way of the outbox.
        notify: Takes progress and warnings.
        stores: Where the run keeps what it shares with other machines.

    Raises:
        RunDirectoryError: No finished run, no such arm, or something of the run is gone; or the
            export is to be tracked but the study is not, or `out` lies outside the run.
        SourceError: The arm adds no synthetic images.
        ExportError: The classifier cannot be exported, or would not be the one of the run.
        StorageError: The folder is there already, or cannot be written.
    """
    if image_format is not None and what != "images":
        raise AugsearchError(f"--format must go with --what images but got --what {what}.")
    with revisited(run, notify, stores) as conclusion:
        chosen = chosen_training(conclusion, chosen_arm(conclusion, arm))
        target = out or conclusion.directory.path / "exports" / f"{what}-{chosen.arm.name}"
        if track:
            _check_tracked(conclusion, target)
        with new_folder(target) as folder:
            match what:
                case "images":
                    contents = export_images(conclusion, chosen, folder, image_format or "png")
                case "model":
                    contents = export_model(conclusion, chosen, folder, notify)
                case "features":
                    contents = export_features(conclusion, chosen, folder, notify)
        if track:
            _track(conclusion, chosen, target, what, notify)
        return _exported(conclusion, chosen, target, contents, track)


def _exported(
    conclusion: Conclusion,
    chosen: ChosenTraining,
    folder: Path,
    contents: Sequence[str],
    track: bool,
) -> Exported:
    amount = amount_words(chosen.amount, chosen.arm.arm.unit)
    study = conclusion.prepared.study
    return Exported(
        folder,
        [f"arm {chosen.arm.name}, {amount}", *contents],
        verdict_sentence(conclusion.result, study.evaluation.confidence),
        tracking_uri(study, conclusion.directory.path) if track else None,
    )


def _check_tracked(conclusion: Conclusion, target: Path) -> None:
    if not conclusion.prepared.study.tracking.enabled:
        raise RunDirectoryError(
            "--track must go with a study that MLflow was told about but this one has "
            "tracking.enabled = false; leave --track out."
        )
    run = conclusion.directory.path
    uri = absolute_uri(tracking_uri(conclusion.prepared.study, run))
    no_sign_in(uri)
    nothing_made_elsewhere(uri, run)
    if not real_path(target).is_relative_to(run):
        # `augsearch sync` sends nothing that lies elsewhere: the run may be somebody else's.
        raise RunDirectoryError(
            f"--track must go with an export into the run, {run}, but --out is {target}; leave "
            "--out out."
        )


def _track(
    conclusion: Conclusion, chosen: ChosenTraining, folder: Path, what: What, notify: Notify
) -> None:
    mirror = Mirror(conclusion.prepared.study, conclusion.directory, notify, foreign=True)
    try:
        model = folder / PYFUNC if what == "model" else None
        mirror.exported(chosen.arm.name, folder, model)
    finally:
        mirror.close()
