"""`augsearch report RUN`: the report of a finished run once more, from what the run left behind."""

from __future__ import annotations

from pathlib import Path

from augsearch.controller.reporting import write_run_report
from augsearch.controller.revisit import revisit
from augsearch.events import Notify, silent


def render_again(run: Path, notify: Notify = silent) -> Path:
    """Write report.html, figures and tables of a finished run again, as this version writes them.

    Args:
        run: The run directory.
        notify: Takes progress and warnings.

    Returns:
        The report.

    Raises:
        RunDirectoryError: No finished run, its data are gone or changed, or something that the
            report is made of was removed and would have to be trained again.
    """
    return revisit(run, write_run_report, notify).report
