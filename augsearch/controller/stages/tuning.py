"""[tune]: the settings of an arm's classifier, chosen on the tuning set before its amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.outputs import TuningFiles
from augsearch.controller.stages.preparation import Prepared
from augsearch.errors import AugsearchError
from augsearch.events import Advanced, Notify, SettingTried
from augsearch.execution.cells import ArmScore, Floats
from augsearch.records import Evaluation
from augsearch.search.tuning import (
    Progress,
    Setting,
    SettingTrial,
    best_setting,
    try_settings,
)
from augsearch.study.schema.tune import TuneOptions
from augsearch.study.settings import with_settings


@dataclass(frozen=True, eq=False)
class SettingTrainer:
    """Trains an arm with any setting of its classifier, at one amount, and keeps what they say.

    Attributes:
        prepared: The study's images and tools.
        score: The arm's score with the settings of the study file.
        name: The arm's name.
        amount: What every setting is trained at.
        replicates: Trainings per fold and setting.
        files: What each setting's trainings said, by its index.
    """

    prepared: Prepared
    score: ArmScore
    name: str
    amount: float
    replicates: int
    files: TuningFiles

    def with_setting(self, setting: Setting) -> ArmScore:
        """Return the arm's score with a setting."""
        study = self.prepared.study
        table = study.classifier_named(study.classifier_name(self.name))
        classifier = self.prepared.make_classifier(with_settings(table, setting))
        return replace(self.score, classifier=classifier)

    def train(self, number: int, setting: Setting) -> tuple[float, ...]:
        """Return the scores of setting `number`, in order of fold, then training."""
        score = replace(
            self.with_setting(setting),
            replicates=self.replicates,
            keep=lambda _, round_, outputs: self.files.keep(number, round_, outputs),
        )
        return score(self.amount)


@dataclass(frozen=True, eq=False)
class TunedSettings:
    """What was tried for an arm.

    Attributes:
        score: The arm's score with the chosen setting.
        trials: Every setting with its scores, in order of fold, then training.
        chosen: Index of the chosen one.
        trainer: What trained them.
    """

    score: ArmScore
    trials: Sequence[SettingTrial]
    chosen: int
    trainer: SettingTrainer

    @property
    def setting(self) -> Setting:
        """The chosen setting."""
        return self.trials[self.chosen].setting

    def outputs(self, number: int) -> list[Floats]:
        """Return each fold's class probabilities, (replicates, N, n_classes), of a setting."""
        trainer, setting = self.trainer, self.trials[number].setting
        return trainer.files.read(
            number, len(self.score.folds), lambda: trainer.train(number, setting)
        )


def tune_arm(
    options: TuneOptions,
    prepared: Prepared,
    directory: RunDirectory,
    name: str,
    score: ArmScore,
    amount: float,
    notify: Notify,
) -> TunedSettings:
    """Try the settings on the arm's training set at `amount` and take the best on average.

    Settings that were tried before the run was resumed are not told again.

    Raises:
        AugsearchError: No setting has a finite score.
    """
    files = TuningFiles(directory.folder("tune", name))
    trainer = SettingTrainer(prepared, score, name, amount, options.replicates, files)
    trials = try_settings(
        trainer.train,
        options,
        direction=prepared.direction,
        seed=prepared.seed.child("tune", name),
        storage=directory.ledger_url,
        study_name=directory.study_name(f"{name} (tune)"),
        progress=_teller(name, amount, notify),
        notify=notify,
    )
    chosen = best_setting(trials, prepared.direction)
    if chosen is None:
        raise AugsearchError(
            f"arm {name!r}: a setting of [tune] must have a finite score but none of the "
            f"{len(trials)} has; try other values."
        )
    tuned = trainer.with_setting(trials[chosen].setting)
    return TunedSettings(tuned, trials, chosen, trainer)


def _teller(name: str, amount: float, notify: Notify) -> Progress:
    """Return what makes events of a tuning's progress."""

    def tell(done: int, wanted: int, newest: SettingTrial | None) -> None:
        if newest is not None:
            evaluation = Evaluation.of(amount, newest.scores)
            notify(SettingTried(name, done - 1, newest.setting, evaluation))
        notify(Advanced(done, wanted, "settings"))

    return tell
