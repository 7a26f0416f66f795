"""`augsearch report RUN`: the report of a finished run once more, from what the run left behind."""

from __future__ import annotations

from pathlib import Path

from augsearch.controller.reporting import write_run_report
from augsearch.controller.revisit import revisited
from augsearch.controller.sharing import NO_STORES, Stores
from augsearch.events import Notify, silent


def render_again(run: Path, notify: Notify = silent, stores: Stores = NO_STORES) -> Path:
    """Write report.html, figures and tables of a finished run again, as this version writes them.

    Args:
        run: The run directory.
        notify: Takes progress and warnings.
        stores: Where the run keeps what it shares with other machines.

    Returns:
        The report.

    Raises:
        RunDirectoryError: No finished run, its data are gone or changed, or its ledger, a
            trained source or all that the test came to was removed. What is missing of single
            trainings is trained again.
    """
    with revisited(run, notify, stores) as conclusion:
        write_run_report(conclusion)
        return conclusion.directory.report
