"""`augsearch export RUN --what model`: a classifier that the arm's result speaks about."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np

from augsearch.classifiers.base import FittedClassifier
from augsearch.classifiers.image_network import ImageNetwork
from augsearch.controller.finished_runs.exports.chosen import (
    ChosenTraining,
    run_hash,
    trained_again,
)
from augsearch.controller.finished_runs.exports.facts import write_card
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.errors import ExportError
from augsearch.evaluation.metrics import macro_auc
from augsearch.events import Notify, Warned
from augsearch.export.image_classifier import DESCRIPTION, PROGRAM
from augsearch.export.programs import (
    CHECKED,
    Parity,
    Reference,
    write_onnx,
    write_program,
)
from augsearch.export.pyfunc import write_pyfunc
from augsearch.files import write_json

CARD = "MODEL_CARD.md"
ONNX, PYFUNC = "model.onnx", "mlflow"


def export_model(
    conclusion: Conclusion, chosen: ChosenTraining, folder: Path, notify: Notify
) -> list[str]:
    """Train the classifier as it was trained in the run, and write it with its card.

    ONNX is left out, with a warning, where its packages are missing or float32 changes too much.

    Args:
        conclusion: The run.
        chosen: The training.
        folder: An empty folder.
        notify: Takes progress and warnings.

    Returns:
        What was written, in sentences.

    Raises:
        ExportError: The classifier is no network, does not say again what it said in the run, or
            a program of it says something else.
    """
    fitted, difference = trained_again(conclusion, chosen, notify)
    network = fitted.image_network()
    if network is None:
        raise ExportError(_no_network(conclusion, chosen))
    reference = _reference(chosen, fitted, network.lowered)
    parities, left_out = _write(conclusion, chosen, network, reference, folder)
    if left_out:
        notify(Warned(f"{ONNX} is left out: {left_out}"))
    write_card(
        folder / CARD,
        "model_card.md",
        conclusion,
        chosen,
        shape=", ".join(map(str, reference.images.shape[1:])),
        parities=_table(parities),
        left_out=left_out,
        onnx=not left_out,
        difference=f"{difference:.2g}",
        part="test" if conclusion.prepared.test else "tuning",
        auc=f"{macro_auc(chosen.judged.labels, chosen.said):.3f}",
    )
    again = f"trained anew as in the run; differs from it by at most {difference:.2g}"
    return [again, *map(str, parities)]


def _no_network(conclusion: Conclusion, chosen: ChosenTraining) -> str:
    study = conclusion.prepared.study
    name = study.classifier_name(chosen.arm.name)
    kind = study.classifier_named(name).kind
    return (
        f"a model to export must be a network but arm {chosen.arm.name!r} has the classifier "
        f"{name!r} of kind {kind!r}, which is none; name an --arm of another classifier, or take "
        "its features (--what features)."
    )


def _reference(chosen: ChosenTraining, fitted: FittedClassifier, lowered: bool) -> Reference:
    """Return what the classifier says about images spread over those that were judged."""
    total = len(chosen.judged.rows)
    places = np.unique(np.linspace(0, total - 1, min(total, CHECKED)).round().astype(np.int64))
    pixels = np.ascontiguousarray(chosen.judged.take(places).pixels)
    return Reference(pixels, fitted.predict_portion(chosen.judged)[places], lowered)


def _write(
    conclusion: Conclusion,
    chosen: ChosenTraining,
    network: ImageNetwork,
    reference: Reference,
    folder: Path,
) -> tuple[list[Parity], str]:
    """Write all programs; return how far they agree, and why there is no ONNX, if there is none."""
    parities = [write_program(network, folder / PROGRAM, reference)]
    left_out = ""
    try:
        parities.append(write_onnx(network, folder / ONNX, reference))
    except ExportError as error:
        left_out = str(error)
        (folder / ONNX).unlink(missing_ok=True)
    write_json(folder / DESCRIPTION, _described(conclusion, chosen, reference))
    parities.append(write_pyfunc(folder / PYFUNC, folder, reference))
    return parities, left_out


def _described(
    conclusion: Conclusion, chosen: ChosenTraining, reference: Reference
) -> dict[str, object]:
    prepared, result = conclusion.prepared, conclusion.result
    return {
        "classes": list(prepared.images.classes),
        "image_shape": list(reference.images.shape[1:]),
        "images": prepared.study.images.model_dump(mode="json"),
        "study": prepared.study.name,
        "run": run_hash(conclusion.directory),
        "arm": chosen.arm.name,
        "amount": chosen.amount,
        "unit": chosen.arm.arm.unit,
        "fold": chosen.fold.number,
        "verdict": result.verdict.model_dump(mode="json") if result.verdict else None,
        "augsearch": version("augsearch"),
    }


def _table(parities: list[Parity]) -> list[list[str]]:
    rows = [["file", "computes in", "largest difference", "allowed", "decided alike"]]
    for one in parities:
        alike = f"{one.same} of {one.images} images"
        allowed, difference = f"{one.allowed:g}", f"{one.difference:.2g}"
        rows.append([one.file, one.precision, difference, allowed, alike])
    return rows
