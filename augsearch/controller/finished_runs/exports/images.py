"""`augsearch export RUN --what images`: the synthetic images that an arm's chosen amount adds."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from augsearch.controller.finished_runs.exports.chosen import ChosenTraining, run_hash
from augsearch.controller.finished_runs.exports.facts import write_card
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.stages.arms import SearchedArm
from augsearch.errors import SourceError
from augsearch.export.cards import Table
from augsearch.export.images import ImageFormat, SourceFacts, folder_names, write_images
from augsearch.export.manifest import MANIFEST, Origin, Row
from augsearch.study.controls import KINDS

CARD = "DATASET_CARD.md"


def export_images(
    conclusion: Conclusion, chosen: ChosenTraining, folder: Path, file_format: ImageFormat
) -> list[str]:
    """Write the images, their manifest and the dataset card.

    Args:
        conclusion: The run.
        chosen: The training whose synthetic images are written.
        folder: An empty folder.
        file_format: "png" or "dicom".

    Returns:
        What was written, in sentences.

    Raises:
        SourceError: The chosen amount adds no synthetic image.
        DataError: DICOM is wanted but its packages are not installed.
    """
    synthetic, real = _sources(conclusion, chosen.arm)
    if not synthetic:
        raise SourceError(_nothing(conclusion, chosen, real))
    added = [
        one for one in chosen.fold.added(chosen.recipe, chosen.stream) if one.source in synthetic
    ]
    classes = conclusion.prepared.images.classes
    facts = {name: _source_facts(conclusion, chosen, name) for name in synthetic}
    origin = _origin(conclusion, chosen)
    rows = write_images(folder, added, classes, facts, origin, file_format)
    write_card(
        folder / CARD,
        "dataset_card.md",
        conclusion,
        chosen,
        rows=rows,
        counts=_counts(rows, classes),
        manifest=MANIFEST,
        pixels=_pixels(conclusion),
        where={"png": "PNG text", "dicom": "DICOM header"}[file_format],
        folders=folder_names(classes) == list(classes),
        left_out=", ".join(real),
    )
    each = Counter(row.label for row in rows)
    counted = ", ".join(f"{each[name]:,} {name}" for name in classes)
    return [f"{len(rows):,} synthetic images of {', '.join(synthetic)}: {counted}"]


def _sources(conclusion: Conclusion, arm: SearchedArm) -> tuple[list[str], list[str]]:
    """Return the sources of synthetic images, and those that repeat or change real ones."""
    options = conclusion.prepared.study.sources
    drawn = next((recipe.sources for recipe in arm.recipes(arm.multiple)), ())
    real = [name for name in drawn if options[name].kind in KINDS]
    return [name for name in drawn if name not in real], real


def _nothing(conclusion: Conclusion, chosen: ChosenTraining, real: Sequence[str]) -> str:
    what = f"only real images, changed or repeated ({', '.join(real)})" if real else "none"
    others = [name for name, arm in conclusion.searched.items() if _sources(conclusion, arm)[0]]
    remedy = (
        f"name another --arm ({', '.join(others)})"
        if others
        else "run a study of which an arm does, for instance with a fixed amount"
    )
    return (
        f"arm {chosen.arm.name!r} must add synthetic images but at its chosen amount, "
        f"{len(chosen.training_set)} training images, it adds {what}; {remedy}."
    )


def _source_facts(conclusion: Conclusion, chosen: ChosenTraining, name: str) -> SourceFacts:
    folder = conclusion.directory.source_folder(name, chosen.fold.number)
    return SourceFacts(conclusion.prepared.study.sources[name].kind, _fingerprint(folder))


def _fingerprint(folder: Path) -> str:
    """Return a hash of the generators that a fitted source uses; empty if it has none."""
    paths = sorted(folder.rglob("generator.safetensors"))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest() if paths else ""


def _origin(conclusion: Conclusion, chosen: ChosenTraining) -> Origin:
    return Origin(
        study=conclusion.prepared.study.name,
        run=run_hash(conclusion.directory),
        arm=chosen.arm.name,
        version=version("augsearch"),
        fold=chosen.fold.number,
        stream=chosen.stream,
    )


def _counts(rows: Sequence[Row], classes: Sequence[str]) -> Table:
    each = Counter((row.source, row.label) for row in rows)
    sources = list(dict.fromkeys(row.source for row in rows))
    body = [[source, *(str(each[source, name]) for name in classes)] for source in sources]
    return [["source", *classes], *body]


def _pixels(conclusion: Conclusion) -> str:
    height, width, channels = conclusion.prepared.images.pixels.shape[1:]
    return f"{height} x {width} pixels, {'grey' if channels == 1 else 'colour'}, 8 bits"
