"""Tells MLflow what the run does, if the study wants it to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.links import no_ways_out
from augsearch.errors import RunDirectoryError, TrackingError
from augsearch.events import (
    Event,
    Notify,
    PictureMade,
    Selected,
    SettingTried,
    TrainingLogged,
    Warned,
)
from augsearch.execution.recipes import sources_of_arm
from augsearch.messages import cut, has_password, masked, show
from augsearch.records import Evaluation
from augsearch.report.words.sentences import verdict_sentence
from augsearch.search.tuning import Setting, SettingTrial
from augsearch.study.audit_result import AuditResult
from augsearch.study.compare import flatten
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile
from augsearch.tracking.audits import audit_metrics, audit_tags, worst_verdict
from augsearch.tracking.delivery import SyncReport, sync
from augsearch.tracking.layout import DESCRIPTION
from augsearch.tracking.outbox import last_destination
from augsearch.tracking.store import sqlite_file
from augsearch.tracking.tracker import Tracker
from augsearch.tracking.trust import is_server, sync_command

_OF_ONE_ARM = ("search", "metrics", "ms-ssim")
"""Figures of a single arm, KIND-ARM.svg; the others show all arms."""


class Mirror:
    """One-way copy of a run into MLflow; every call may be repeated and never disturbs the run."""

    def __init__(
        self, study: StudyFile, directory: RunDirectory, notify: Notify, foreign: bool = False
    ) -> None:
        """Open the outbox, if the study is to be tracked.

        Args:
            study: The study.
            directory: Of its run.
            notify: Takes warnings.
            foreign: Whether the run, and so the study in it, may be somebody else's.
        """
        self._study = study
        self._directory = directory
        self._notify = notify
        self._finished = False
        self._tracker: Tracker | None = None
        if study.tracking.enabled:
            uri = tracking_uri(study, directory.path)
            # What neither study nor environment name, the run alone does.
            from_run = not _named(study) and uri != _beside(directory.path)
            self._tracker = Tracker(
                directory.outbox,
                uri,
                study.tracking.experiment or study.name,
                title="" if study.tracking.experiment in (None, study.name) else study.name,
                notify=notify,
                foreign=foreign or from_run,
            )

    def start(self, facts: Mapping[str, str]) -> None:
        """Open one run per arm, with the study's settings and `facts` as parameters.

        Losses of trainings that are over are said again from the log: nobody else will, and a
        power cut may have taken them out of the outbox.
        """
        if self._tracker:
            for arm in self._study.arms:
                self._tracker.start_arm(arm, flatten(self._study) | dict(facts))
            for kind in (TrainingLogged, Selected):
                for event in self._directory.logged(kind):
                    self.listen(event)

    def listen(self, event: Event) -> None:
        """Mirror losses and pictures of a source in training, and settings as they are tried."""
        if not self._tracker:
            return
        if isinstance(event, TrainingLogged):
            self._tracker.training(event.source, event.fold, event.iteration, event.metrics)
        elif isinstance(event, SettingTried):
            self._tracker.setting(event.arm, event.number, event.evaluation.score)
        elif isinstance(event, Selected):
            counts = {f"made {name}": float(count) for name, count in event.made.items()}
            counts |= {f"kept {name}": float(count) for name, count in event.kept.items()}
            self._tracker.training(event.source, event.fold, 0, counts)
        elif isinstance(event, PictureMade):
            # .../source-NAME-fold0/class1/samples/000500.png, below samples of its own
            place = event.path.parent.parent.relative_to(self._directory.artifacts)
            self._tracker.artifact(event.path, folder=f"samples/{place.as_posix()}")

    def trial(
        self, arm: str, evaluation: Evaluation, cells: Sequence[tuple[int, int]], round_: int
    ) -> None:
        """Mirror one amount's scores, of all rounds of replicates up to `round_`."""
        if self._tracker:
            self._tracker.trial(arm, evaluation, cells, round_)

    def tuned(self, arm: str, trials: Sequence[SettingTrial], chosen: Setting) -> None:
        """Mirror what an arm's settings scored, and the chosen one."""
        if self._tracker:
            for number, trial in enumerate(trials):
                self._tracker.setting(arm, number, trial.mean)
            words = {key: json.dumps(value) for key, value in chosen.items()}
            self._tracker.choose_setting(arm, words)

    def audited(self, audits: Sequence[AuditResult]) -> None:
        """Mirror the audits so far, and tag with the worst of them the study and every arm.

        An arm's are those of the sources that it may draw from.
        """
        if not self._tracker:
            return
        for result in audits:
            metrics, tags = audit_metrics(result), audit_tags(result)
            self._tracker.audit(result.source, result.fold, metrics, tags)
        arms = self._study.arms
        own: dict[str | None, list[AuditResult]] = {None: list(audits)}
        for arm in arms:
            sources = sources_of_arm(arms, arm)
            own[arm] = [result for result in audits if result.source in sources]
        for name, results in own.items():
            verdict = worst_verdict(results)
            if verdict is not None:
                self._tracker.tag({"audit": verdict}, name)

    def finish(self, result: StudyResult) -> None:
        """Mirror the result of every arm and the files of the run."""
        if self._tracker:
            self._finish(self._tracker, result)
        self._finished = True

    def _finish(self, tracker: Tracker, result: StudyResult) -> None:
        figures = sorted((self._directory.path / "figures").glob("*.svg"))
        for name in result.arms:
            for path in arm_figures(name, list(result.arms), figures):
                tracker.artifact(path, name, folder="figures")
            tracker.finish_arm(name, _scalars(result, name), self._tags(result, name))
        said = verdict_sentence(result, self._study.evaluation.confidence)
        tracker.tag({DESCRIPTION: said})
        for path in [
            self._directory.report,
            self._directory.path / "results.json",
            self._directory.path / "study.toml",
            *figures,
            *sorted((self._directory.path / "tables").glob("*.csv")),
        ]:
            folder = path.parent.name if path.parent != self._directory.path else ""
            tracker.artifact(path, folder=folder)

    def _tags(self, result: StudyResult, name: str) -> dict[str, str]:
        if result.verdict is None or result.verdict.arm != name:
            return {}
        return {
            "verdict": result.verdict.label,
            "judged_on": f"{result.judged_on} set",
            DESCRIPTION: verdict_sentence(result, self._study.evaluation.confidence),
        }

    def exported(self, arm: str, folder: Path, model: Path | None) -> None:
        """Add an export of an arm to its run: the folder under exports/, a model as "model"."""
        if self._tracker:
            self._tracker.artifact(folder, arm, folder=f"exports/{folder.name}")
            if model is not None:  # what `mlflow models serve -m runs:/ID/model` finds
                self._tracker.artifact(model, arm, folder="model")

    def close(self) -> bool:
        """Wait a little for what is under way; the rest stays in the outbox.

        Returns:
            Whether the run has been finished and MLflow has taken all of it.
        """
        if self._tracker and self._tracker.close():
            run = self._directory.path
            command = sync_command(run, tracking_uri(self._study, run))
            self._notify(
                Warned(
                    "MLflow has not taken everything yet; nothing is lost: "
                    f"{command} sends the rest."
                )
            )
            return False
        return self._finished


def tracking_uri(study: StudyFile, run: Path) -> str:
    """Return the MLflow tracking URI: the study's, the environment's, or where the run is already.

    A run that was told to a server stays there, whatever shell it is taken up in. Any other has a
    file beside it: a copy of a run does not write into the store of the run that it is a copy of.

    Raises:
        TrackingError: The environment's has a password, which would be written into the run; or it
            is a store in memory.
    """
    given = _named(study)
    if given and has_password(given):
        raise TrackingError(
            f"MLFLOW_TRACKING_URI must have no password in it but is {cut(masked(given), 500)}; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in its place."
        )
    if given and given.startswith("sqlite:") and sqlite_file(given) is None:
        raise TrackingError(
            f"tracking.uri, or MLFLOW_TRACKING_URI, must name the file of a SQLite store but is "
            f"{show(given)}, which nobody could look at after the run; give "
            "sqlite:////folder/mlflow.db."
        )
    if given:
        return given
    earlier = last_destination(RunDirectory(run).outbox)
    return earlier.uri if earlier and is_server(earlier.uri) else _beside(run)


def _named(study: StudyFile) -> str | None:
    return study.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI")


def _beside(run: Path) -> str:
    return f"sqlite:///{run.parent / 'mlflow.db'}"


def arm_figures(arm: str, arms: Sequence[str], figures: Sequence[Path]) -> list[Path]:
    """Return the figures that show an arm: its own, and those of all arms together."""
    others = {f"{kind}-{name}" for name in arms if name != arm for kind in _OF_ONE_ARM}
    return [path for path in figures if path.stem not in others]


def _scalars(result: StudyResult, name: str) -> dict[str, float]:
    arm = result.arms[name]
    values = {
        "multiple_best": arm.multiple,
        "score_best": arm.score,
        "score_base": result.arms[result.baseline].score,
        "multiple_smoothed": arm.smoothed.multiple if arm.smoothed else None,
        "score_smoothed": arm.smoothed.mean if arm.smoothed else None,
        "gain": arm.gain.value if arm.gain else None,
        "gain_low": arm.gain.low if arm.gain else None,
        "gain_high": arm.gain.high if arm.gain else None,
        "stopped_at": arm.stopped_at,
    }
    values |= {f"gain_{endpoint}": one.value for endpoint, one in arm.endpoints.items()}
    values |= {f"test_{metric}": one.value for metric, one in arm.test.items()}
    return {key: value for key, value in values.items() if value is not None}


def sync_run(run: Path) -> SyncReport:
    """Deliver what a run's outbox still holds.

    Raises:
        TrackingError: The server does not take it, or the outbox is damaged.
        RunDirectoryError: There is no such run, or links lead out of it.
    """
    directory = RunDirectory(run)
    if not directory.outbox.exists():
        raise RunDirectoryError(
            f"{directory.path} must be a run directory with MLflow entries but has no "
            f"{directory.outbox.name}."
        )
    no_ways_out(directory.path)
    return sync(directory.outbox)
