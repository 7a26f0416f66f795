"""`augsearch report RUN RUN ...`: finished runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augsearch.controller.directory import RunDirectory
from augsearch.controller.finished import finished_run, handed_over
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.files import read_json, write_text
from augsearch.report.comparison import ComparedRun, render_comparison
from augsearch.study.compare import differing
from augsearch.study.results import StudyResult


def compare_runs(runs: Sequence[Path], out: Path) -> Path:
    """Write a comparison of finished runs, from results.json and study.json of each.

    Args:
        runs: Two or more run directories.
        out: The HTML file to write.

    Returns:
        `out`.

    Raises:
        RunDirectoryError: A folder is no finished run, or stands there twice.
        StorageError: A file of a run is damaged, or `out` cannot be written.
    """
    directories = [finished_run(run) for run in runs]
    paths = [directory.path for directory in directories]
    twice = [path for path in dict.fromkeys(paths) if paths.count(path) > 1]
    if twice:
        raise RunDirectoryError(
            f"runs to compare must be different ones but {twice[0]} is named twice; name each once."
        )
    studies, compared = [], []
    for name, directory in zip(_names(paths), directories, strict=True):
        with handed_over(directory.path):
            study, result = read_json(directory.path / "study.json"), directory.results
            if result is not None:
                studies.append(study)
                compared.append(_compared(name, directory, result, study))
    with handed_over(paths[0].parent):
        page = render_comparison(compared, differing(studies))
    write_text(out, page)
    return out


def _compared(
    name: str, directory: RunDirectory, result: StudyResult, study: Mapping[str, Any]
) -> ComparedRun:
    try:
        evaluation = study["evaluation"]
        metric, confidence = str(evaluation["metric"]), float(evaluation["confidence"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{directory.path / 'study.json'} must hold a study as augsearch writes it but has no "
            "evaluation.metric and evaluation.confidence; run the study again with --fresh."
        ) from error
    images = read_json(directory.path / "data.json") if directory.remembers("data") else {}
    return ComparedRun(name, result, metric, confidence, images.get("test"))


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the folders' names, with as many of those above them as it takes to differ."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
