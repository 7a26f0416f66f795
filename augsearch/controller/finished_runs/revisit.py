"""A finished run once more, from what it left behind: for its report and its exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from augsearch.controller.mirror import Mirror
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.outcome.reporting import write_run_report
from augsearch.controller.run import conclude, opened, own_threads
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.finished import FinishedRun, finished_run
from augsearch.controller.run_directory.sharing import NO_STORES, Stores
from augsearch.errors import RunDirectoryError
from augsearch.events import Event, Notify, TrainingLogged, Warned, silent
from augsearch.files import exclusive, write_json
from augsearch.study.schema.study import StudyFile, TrackingOptions


@contextmanager
def revisited(
    run: Path, notify: Notify = silent, stores: Stores = NO_STORES
) -> Iterator[Conclusion]:
    """Read back what a finished run came to, and hold the run for a block.

    Everything is read back: images, trials, generators, what the trainings said. The result stays
    as it is, and MLflow is told nothing. The block computes with the run's own number of threads.

    Args:
        run: The run directory.
        notify: Takes progress, and warnings that the run itself did not give.
        stores: Where the run keeps what it shares with other machines.

    Raises:
        RunDirectoryError: No finished run, its data are gone or changed, or its ledger, a
            trained source or all that the test came to was removed. What is missing of single
            trainings is trained again.
    """
    with finished_run(run, stores) as finished:
        directory = finished.directory
        directory.shared.check_ledger()
        study = finished.study(StudyFile)
        untracked = study.model_copy(update={"tracking": TrackingOptions(enabled=False)})
        _check_outputs(finished)
        known = set(directory.warnings)

        def watch(event: Event) -> None:
            directory.log(event)
            if isinstance(event, TrainingLogged):
                raise _gone(directory, f"the trained source {event.source}")
            if not (isinstance(event, Warned) and event.message in known):
                notify(event)

        with exclusive(directory.path / "run.lock"):
            seconds = directory.seconds
            try:
                prepared = opened(directory, study, directory.study_text, watch)
                mirror = Mirror(untracked, directory, watch)
                with own_threads(directory):
                    yield conclude(directory, prepared, mirror, watch)
            finally:  # what a run cost does not grow with every look at it
                write_json(directory.path / "seconds.json", seconds)


def render_again(run: Path, notify: Notify = silent, stores: Stores = NO_STORES) -> Path:
    """Write report.html, figures and tables of a finished run again, as this version writes them.

    Args:
        run: The run directory.
        notify: Takes progress and warnings.
        stores: Where the run keeps what it shares with other machines.

    Returns:
        The report.

    Raises:
        RunDirectoryError: As `revisited`.
    """
    with revisited(run, notify, stores) as conclusion:
        write_run_report(conclusion)
        return conclusion.directory.report


def _check_outputs(finished: FinishedRun) -> None:
    directory = finished.directory
    tested = any(arm.test for arm in finished.result.arms.values())
    if tested and not any(directory.folder("test").glob("*-test.npy")):
        raise _gone(directory, "artifacts/test")
    if not directory.shared.has_ledger:
        raise _gone(directory, "ledger.db")


def _gone(directory: RunDirectory, what: str) -> RunDirectoryError:
    return RunDirectoryError(
        f"{directory.path} must still hold all that it made but lacks {what}, which would have to "
        "be trained again; put it back, or run the study again with --fresh."
    )
