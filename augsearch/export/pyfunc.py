"""A classifier as an MLflow model that `mlflow models serve` answers with."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from augsearch.export.image_classifier import DESCRIPTION, PROGRAM, ImageClassifier
from augsearch.export.programs import Parity, Reference, Said, held_to
from augsearch.silence import Silence

LOADER = "augsearch_image_classifier"
"""Name of the module in the model that loads it."""
_LIBRARIES = ("mlflow", "torch", "numpy", "pandas")


def write_pyfunc(folder: Path, files_at: Path, reference: Reference) -> Parity:
    """Write a `torch.export` program as a model of MLflow's python_function flavour.

    It takes images, uint8, (N, H, W, C), and gives a table with the probability of each class. It
    is loaded by code that is copied along, not by unpickling, and needs neither augsearch nor the
    run.

    Args:
        folder: Where the model goes; must not be there.
        files_at: Holds model.pt2 and model.json.
        reference: What the classifier says.

    Raises:
        ExportError: The model does not agree with the classifier.
    """
    model = ImageClassifier(files_at)

    def run(images: NDArray[np.uint8]) -> Said:
        said: NDArray[np.float64] = model.predict(images).to_numpy()
        return said

    parity = held_to(reference, run, folder.name, reference.lowered)
    with tempfile.TemporaryDirectory() as temporary:
        data, code = Path(temporary, "data"), Path(temporary, f"{LOADER}.py")
        data.mkdir()
        for name in (PROGRAM, DESCRIPTION):
            shutil.copyfile(files_at / name, data / name)
        with as_file(files("augsearch.export") / "image_classifier.py") as source:
            shutil.copyfile(source, code)
        _save(folder, data, code, model)
    return parity


def _save(folder: Path, data: Path, code: Path, model: ImageClassifier) -> None:
    os.environ.setdefault("DO_NOT_TRACK", "true")  # read when MLflow is imported
    from mlflow import pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    with Silence("mlflow", below=logging.ERROR):
        pyfunc.save_model(
            folder,
            loader_module=LOADER,
            data_path=str(data),
            code_paths=[str(code)],
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *model.shape))]),
                outputs=Schema([ColSpec("double", name) for name in model.classes]),
            ),
            # A blank one: no image of a patient.
            input_example=np.zeros((1, *model.shape), dtype=np.uint8),
            pip_requirements=[f"{name}=={version(name)}" for name in _LIBRARIES],
        )
