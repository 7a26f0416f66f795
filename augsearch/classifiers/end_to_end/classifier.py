"""The classifier of which every layer is trained, anew for each training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.classifiers.end_to_end.blueprint import Blueprint
from augsearch.classifiers.end_to_end.fitted import FittedEndToEnd
from augsearch.classifiers.end_to_end.training import Examples, Training
from augsearch.device import pick_precision
from augsearch.events import Advanced, Notify, silent
from augsearch.records import TrainingSet
from augsearch.study.schema.classifier import EndToEndOptions


@final
class EndToEnd(Classifier):
    """A network trained from its first layer to its last, one for each training set.

    Args:
        options: The study's [classifier] table.
        device: The torch device.

    Raises:
        WeightsError: The network is unknown, or its weights cannot be had or do not fit.
        AugsearchError: The device has no bf16 but it is wanted.
    """

    def __init__(self, options: EndToEndOptions, *, device: str = "cpu") -> None:
        pick_precision(options.precision, device)  # refuses now what the device does not have
        self._options = options
        self._blueprint = Blueprint(options)
        self._device = device

    def fit(
        self, training_sets: Sequence[TrainingSet], notify: Notify = silent
    ) -> list[FittedClassifier]:
        """Train one network per training set, one after the other.

        Start weights, order and dropout come from the training set's seed alone. With `patience`
        and a tuning set the weights of the epoch with the smallest tuning loss are taken, else
        those of the last epoch.

        Raises:
            DataError: A training set lacks a class, or has images that cannot be used.
            DivergedError: A loss is no longer finite.
        """
        for cell in training_sets:
            cell.check()
        epochs = self._options.epochs
        fitted: list[FittedClassifier] = []
        for number, cell in enumerate(training_sets):
            before, total = number * epochs, len(training_sets) * epochs
            fitted.append(self._fit_one(cell, _Progress(notify, before, total)))
            notify(Advanced(before + epochs, total, "epochs"))
        return fitted

    def _fit_one(self, cell: TrainingSet, progress: _Progress) -> FittedEndToEnd:
        train = Examples(cell.pixels, cell.labels)
        tune = None
        if cell.tune is not None and len(cell.tune.rows):
            tune = Examples(cell.tune.pixels, cell.tune.labels)
        seed = cell.seed.child("network")
        network, inputs = self._blueprint.build(train.pixels, cell.n_classes, seed)
        inputs = inputs.to(self._device)
        training = Training(network, inputs, self._options, seed=cell.seed, device=self._device)
        curve = training.run(train, tune, progress)
        return FittedEndToEnd(network, inputs, curve, device=self._device)


@dataclass(frozen=True)
class _Progress:
    """Tells how many epochs of all training sets are done."""

    notify: Notify
    before: int
    total: int

    def __call__(self, done: int) -> None:
        self.notify(Advanced(self.before + done, self.total, "epochs"))
