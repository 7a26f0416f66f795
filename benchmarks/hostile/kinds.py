"""The kinds of hostile input, by name: how cases are made, and who has to cope with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hostile import (
    addresses,
    arrays,
    dicoms,
    outboxes,
    pictures,
    places,
    runs,
    studies,
    tables,
    weights,
)
from hostile.arena import Case


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        about: What the cases are, for a page.
        cases: Makes the strategy; is given `run`, a finished run, if `of_run`.
        act: Hands a case's folder to the functions that the command line calls.
        share: How much of the time it gets; a case that takes long needs more.
        first: A case after which all that others need is loaded.
        of_run: Whether cases are changes to a copy of a finished run.
    """

    about: str
    cases: Callable[..., st.SearchStrategy[Case]]
    act: Callable[[Path], Any]
    share: float = 1.0
    first: Case = field(default_factory=lambda: Case({}))
    of_run: bool = False

    def prepare(self, run: Path) -> None:
        """Tell the kinds that compare runs which one is untouched."""
        runs.TEMPLATE[:] = [run]

    def strategy(self, run: Path | None, bulk: bool = True) -> st.SearchStrategy[Case]:
        """Return the strategy; `bulk` allows a case that is large or slow now and then."""
        return self.cases(run, bulk=bulk) if self.of_run else self.cases(bulk=bulk)


KINDS = {
    "study file": Kind(
        "foreign bytes, wrong values, places that lead out, endless or huge files, links",
        studies.cases,
        studies.act,
    ),
    "manifest": Kind("tables of images and what they name", tables.cases, tables.act),
    "image": Kind(
        "damaged, cut short, bombs, of another kind, 0 x 0, NaN", pictures.cases, pictures.act, 1.5
    ),
    "MedMNIST file": Kind("archives of arrays that lie about them", arrays.cases, arrays.act),
    "DICOM file": Kind("tags, headers and compressed frames", dicoms.cases, dicoms.act, 1.5),
    "weights": Kind(
        "pickles and Keras files with code, archives, safetensors", weights.cases, weights.act, 0.6
    ),
    "reader answers": Kind(
        "answers to a page of a run", runs.answers, runs.act_answers, 0.5, of_run=True
    ),
    "run: reader make": Kind(
        "a run with changed files, links and pipes, for a page",
        runs.handed_on,
        runs.act_reader,
        0.7,
        of_run=True,
    ),
    "run: lab --from": Kind(
        "the same, replayed under other rules", runs.handed_on, runs.act_lab, 1.5, of_run=True
    ),
    "run: report of two": Kind(
        "the same, compared with another run", runs.handed_on, runs.act_compare, 1.5, of_run=True
    ),
    "run: report": Kind(
        "any file of a run changed, for its report",
        runs.whole_runs,
        runs.act_report,
        3,
        of_run=True,
    ),
    "run: export": Kind(
        "the same, for images, features or model of it; `--arm`, `--format` and `--out`, by the "
        "command line",
        places.exported,
        places.act,
        3,
        places.EXPORT,
        of_run=True,
    ),
    "run: sync": Kind(
        "outboxes, cursors, and what they would send from where; the store itself is the run's to "
        "name",
        outboxes.cases,
        outboxes.act,
        2,
        outboxes.FIRST,
        of_run=True,
    ),
    "MLflow address": Kind(
        "addresses in outbox, study and environment, with passwords held, for `sync`, `run` and "
        "`export --track`; what a server answers is played",
        addresses.cases,
        addresses.act,
        1.5,
        addresses.FIRST,
        of_run=True,
    ),
    "places": Kind(
        "run directories, studies and `--out` that are none, given to ten commands",
        places.named,
        places.act,
        1.5,
        places.EXPORT,
        of_run=True,
    ),
}
