"""What trainings said about images, on disk: probabilities, features, training curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.array_files import read_array, write_array
from augsearch.errors import StorageError
from augsearch.execution.trainings import Answer, Floats
from augsearch.files import read_json, write_json

_NO_FEATURES = np.empty((0, 0), dtype=np.float32)


class TuningFiles:
    """Class probabilities of the tuning images, one file per amount, round and fold of an arm.

    Args:
        folder: The arm's own folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, amount: float, round_: int, outputs: Sequence[Floats]) -> None:
        """Write the outputs of every fold, float64, (replicates, N, n_classes)."""
        for fold, output in enumerate(outputs):
            write_array(self._path(amount, round_, fold), output)

    def read(
        self, amount: float, n_folds: int, train_again: Callable[[], object], rounds: int = 1
    ) -> list[Floats]:
        """Return each fold's outputs at an amount, (rounds * replicates, N, n_classes).

        Args:
            amount: Which one.
            n_folds: How many folds there are.
            train_again: Makes and keeps them once more, if a file is missing or damaged: the same
                trainings say the same again.
            rounds: How often the search asked for the amount.
        """
        try:
            return self._read(amount, n_folds, rounds)
        except StorageError:
            train_again()
            return self._read(amount, n_folds, rounds)

    def _read(self, amount: float, n_folds: int, rounds: int) -> list[Floats]:
        return [
            np.concatenate([read_array(self._path(amount, one, fold)) for one in range(rounds)])
            for fold in range(n_folds)
        ]

    def _path(self, amount: float, round_: int, fold: int) -> Path:
        # The first round's name has no number, as in the runs that were kept before there were any.
        number = f"-round{round_}" if round_ else ""
        return self._folder / f"{amount:.12g}{number}-fold{fold}.npy"


class AnswerFiles:
    """What an arm's fresh trainings said when the test set was opened.

    Args:
        folder: The folder of all arms.
        arm: Name of the arm.
        parts: "test", and "external" if there are external images.
    """

    def __init__(self, folder: Path, arm: str, parts: Iterable[str]) -> None:
        self._paths = {part: folder / f"{arm}-{part}.npy" for part in parts}
        self._features = folder / f"{arm}-features.npy"
        self._curve = folder / f"{arm}-curve.json"

    @property
    def complete(self) -> bool:
        """Whether everything has been written and is whole; the same trainings say the same."""
        try:
            _ = self.outputs, self.features, self.curve
        except StorageError:
            return False
        return True

    def write(self, answers: Sequence[Answer]) -> None:
        """Keep probabilities of all trainings, and features and curve of the first."""
        for part, path in self._paths.items():
            write_array(path, np.stack([answer.outputs[part] for answer in answers]))
        features, curve = answers[0].features, answers[0].curve
        write_array(self._features, _NO_FEATURES if features is None else features)
        write_json(self._curve, {name: list(map(float, curve[name])) for name in curve})
        vars(self).pop("outputs", None)  # what was read before

    @cached_property
    def outputs(self) -> dict[str, Floats]:
        """Return part -> class probabilities, float64, (trainings, images, classes)."""
        return {part: read_array(path) for part, path in self._paths.items()}

    @property
    def features(self) -> NDArray[np.float32] | None:
        """The first training's last-layer features of the test images; None if it has none."""
        features = read_array(self._features)
        return features if features.size else None

    @property
    def curve(self) -> Mapping[str, Sequence[float]]:
        """The first training's curve, name -> value after each epoch."""
        found: Mapping[str, Sequence[float]] = read_json(self._curve)
        return found
