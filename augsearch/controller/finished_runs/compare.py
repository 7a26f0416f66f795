"""`augsearch report RUN RUN ...`: finished runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from augsearch.controller.run_directory.finished import FinishedRun, finished_run, handed_over
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.files import read_json, real_path, write_text
from augsearch.report.comparison import ComparedRun, render_comparison
from augsearch.study.compare import differing


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
    paths = [real_path(run) for run in runs]
    twice = [path for path in dict.fromkeys(paths) if paths.count(path) > 1]
    if twice:
        raise RunDirectoryError(
            f"runs to compare must be different ones but {twice[0]} is named twice; name each once."
        )
    studies, compared = [], []
    for name, path in zip(_names(paths), paths, strict=True):
        with finished_run(path) as finished:
            study = read_json(path / "study.json")
            studies.append(study)
            compared.append(_compared(name, finished, study))
    with handed_over(paths[0].parent):
        page = render_comparison(compared, differing(studies))
    write_text(out, page)
    return out


def _compared(name: str, finished: FinishedRun, study: Mapping[str, Any]) -> ComparedRun:
    directory = finished.directory
    try:
        evaluation = study["evaluation"]
        metric, confidence = str(evaluation["metric"]), float(evaluation["confidence"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{directory.path / 'study.json'} must hold a study as augsearch writes it but has no "
            "evaluation.metric and evaluation.confidence; run the study again with --fresh."
        ) from error
    images = read_json(directory.path / "data.json") if directory.remembers("data") else {}
    return ComparedRun(name, finished.result, metric, confidence, images.get("test"))


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the folders' names, with as many of those above them as it takes to differ."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
