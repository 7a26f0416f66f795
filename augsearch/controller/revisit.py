"""A finished run once more, from what it left behind: for its report and its exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from augsearch.controller.conclusion import Conclusion
from augsearch.controller.directory import RunDirectory
from augsearch.controller.finished import finished_run, frozen_study, handed_over
from augsearch.controller.run import run_in
from augsearch.controller.sharing import NO_STORES, Stores
from augsearch.errors import RunDirectoryError
from augsearch.events import Event, Notify, TrainingLogged, Warned, silent
from augsearch.files import exclusive, write_json
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile


def revisit(
    run: Path,
    visit: Callable[[Conclusion, str], object],
    notify: Notify = silent,
    stores: Stores = NO_STORES,
) -> RunDirectory:
    """Read back what a finished run came to, and call `visit` with it and the study's text.

    Everything is read back: images, trials, generators, what the trainings said. The result stays
    as it is, and MLflow is told nothing. The run is held and computes with its own number of
    threads until `visit` returns.

    Args:
        run: The run directory.
        visit: Makes something of it.
        notify: Takes progress, and warnings that the run itself did not give.
        stores: Where the run keeps what it shares with other machines.

    Returns:
        The directory.

    Raises:
        RunDirectoryError: No finished run, its data are gone or changed, or its ledger, a
            trained source or all that the test came to was removed. What is missing of single
            trainings is trained again.
    """
    with handed_over(run):
        return _read_back(finished_run(run, stores), visit, notify)


def _read_back(
    directory: RunDirectory, visit: Callable[[Conclusion, str], object], notify: Notify
) -> RunDirectory:
    directory.shared.check_ledger()
    study = frozen_study(directory, StudyFile)
    _check_outputs(directory)
    known = set(directory.warnings)

    def watch(event: Event) -> None:
        if isinstance(event, TrainingLogged):
            raise _gone(directory, f"the trained source {event.source}")
        if not (isinstance(event, Warned) and event.message in known):
            notify(event)

    text = (directory.path / "study.toml").read_text(encoding="utf-8")

    with exclusive(directory.path / "run.lock"):
        seconds = directory.seconds
        try:
            run_in(directory, study, text, watch, again=lambda found: visit(found, text))
        finally:  # what a run cost does not grow with every look at it
            write_json(directory.path / "seconds.json", seconds)
    return directory


def _check_outputs(directory: RunDirectory) -> None:
    result: StudyResult | None = directory.results
    tested = result is not None and any(arm.test for arm in result.arms.values())
    if tested and not any(directory.folder("test").glob("*-test.npy")):
        raise _gone(directory, "artifacts/test")
    if not directory.shared.has_ledger:
        raise _gone(directory, "ledger.db")


def _gone(directory: RunDirectory, what: str) -> RunDirectoryError:
    return RunDirectoryError(
        f"{directory.path} must still hold all that it made but lacks {what}, which would have to "
        "be trained again; put it back, or run the study again with --fresh."
    )
