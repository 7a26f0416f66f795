"""The kinds of hostile input, by name: how cases are made, and who has to cope with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hostile import arrays, dicoms, pictures, runs, studies, tables, weights
from hostile.arena import Case


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        cases: Makes the strategy; is given `run`, a finished run, if `of_run`.
        act: Hands a case's folder to the functions that the command line calls.
        of_run: Whether cases are changes to a copy of a finished run.
        share: How much of the time it gets.
    """

    cases: Callable[..., st.SearchStrategy[Case]]
    act: Callable[[Path], Any]
    of_run: bool = False
    share: float = 1.0

    def prepare(self, run: Path) -> None:
        """Tell the kinds that compare runs which one is untouched."""
        runs.TEMPLATE[:] = [run]

    def strategy(self, run: Path | None, bulk: bool = True) -> st.SearchStrategy[Case]:
        """Return the strategy; `bulk` allows a case that is large or slow now and then."""
        return self.cases(run, bulk=bulk) if self.of_run else self.cases(bulk=bulk)


KINDS = {
    "study file": Kind(studies.cases, studies.act),
    "manifest": Kind(tables.cases, tables.act),
    "image": Kind(pictures.cases, pictures.act, share=1.5),
    "MedMNIST file": Kind(arrays.cases, arrays.act),
    "DICOM file": Kind(dicoms.cases, dicoms.act),
    "weights": Kind(weights.cases, weights.act, share=1.5),
    "reader answers": Kind(runs.answers, runs.act_answers, of_run=True),
    "run: lab --from": Kind(runs.handed_on, runs.act_lab, of_run=True),
    "run: report of two": Kind(runs.handed_on, runs.act_compare, of_run=True),
    "run: reader make": Kind(runs.handed_on, runs.act_reader, of_run=True),
    "run: report": Kind(runs.whole_runs, runs.act_report, of_run=True),
}
