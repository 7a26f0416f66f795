"""`load_study` and `Study`: everything that the command line does, from Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from augsearch.controller.run_directory.claiming import claimed
from augsearch.controller.run_directory.numbering import latest
from augsearch.controller.run_directory.sharing import Stores
from augsearch.device import torch_as_new
from augsearch.events import Notify, silent
from augsearch.files import real_path
from augsearch.study.loading import load_study_file
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile

if TYPE_CHECKING:
    from augsearch.controller.planning.check import CheckReport
    from augsearch.execution.engines.choice import EngineName


@dataclass(frozen=True)
class Study:
    """A study file, read and found consistent.

    Attributes:
        settings: What the file says, every default filled in.
        text: The file as it was written.
    """

    settings: StudyFile
    text: str = field(repr=False)

    def run(
        self,
        out: str | Path | None = None,
        *,
        fresh: bool = False,
        engine: EngineName = "local",
        address: str | None = None,
        ledger: str | None = None,
        artifacts: str | None = None,
        notify: Notify = silent,
    ) -> StudyResult:
        """Run the study, go on with an unfinished run, or return a finished run's result.

        Args:
            out: The run directory; default: ``runs/<study name>`` below the working directory.
            fresh: Start anew in a directory beside the one that is there.
            engine: Where all that is heavy takes place: "local", this machine alone, or "ray", a
                cluster. The numbers are the same.
            address: Of the Ray cluster, "host:port" or "auto"; default: what RAY_ADDRESS says, else
                one of this machine alone that ends with the run.
            ledger: URL of a database that keeps the trials, for instance
                ``postgresql://user@host/database``; default: a SQLite file in the run directory.
            artifacts: URL of a folder or store that mirrors the run's files, for instance
                ``s3://bucket/folder``: with both, a run goes on wherever it is started again.
            notify: Takes progress, warnings and scores as they come.

        Raises:
            AugsearchError: Something that the user can put right.
            TimeUpError: The study's max_hours have passed since the call; the message says what was
                found so far, and the same call goes on.
        """
        from augsearch.controller.run import run_in
        from augsearch.execution.engines.choice import chosen_engine

        stores = Stores(ledger, artifacts)
        with (
            torch_as_new(),
            claimed(self._base(out), self.settings, fresh, stores, notify) as directory,
            chosen_engine(engine, address, directory.path, directory.shared.store) as chosen,
        ):
            return run_in(directory, self.settings, self.text, notify, engine=chosen)

    def directory(self, out: str | Path | None = None) -> Path:
        """Return the newest run directory of the study (which may not be there yet)."""
        return latest(self._base(out), self.settings.name)

    def check(self, notify: Notify = silent) -> CheckReport:
        """Read study and data, and say what a run would compute; nothing is kept."""
        # Loaded late, as above: a look at a study needs nothing of what runs it and writes reports.
        from augsearch.controller.planning.check import check_study

        with torch_as_new():
            return check_study(self.settings, notify)

    def _base(self, out: str | Path | None) -> Path:
        base = Path(out) if out is not None else Path("runs") / self.settings.name
        return base if base.name not in ("", "..") else real_path(base)


def load_study(path: str | Path, folder: str | Path | None = None) -> Study:
    """Read a study file.

    Args:
        path: The file.
        folder: Where paths in it start; default: the file's own folder.

    Raises:
        StudyFileError: With file, line, key, rule and remedy of everything that is wrong.
    """
    file = Path(path)
    start = None if folder is None else Path(folder)
    return Study(load_study_file(file, start), file.read_text(encoding="utf-8"))
