"""Audits fitted sources before any amount is searched, and says so where one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.preparation import Prepared
from augsearch.data.leaks.firewall import tells_near_duplicates
from augsearch.data.leaks.held_out import HeldOut
from augsearch.errors import AuditError, StorageError
from augsearch.events import Advanced, Notify, Warned, silent
from augsearch.execution.audit import AuditedFold, audit_source
from augsearch.execution.folds import FoldImages
from augsearch.files import read_json, write_json
from augsearch.records import pixels_of
from augsearch.report.contents import ShownAudit
from augsearch.sources.selection.quarantine import RECORD
from augsearch.study.audit_result import AuditResult, ClosestPair
from augsearch.study.controls import KINDS
from augsearch.study.schema.generators import TRAINED
from augsearch.study.schema.study import StudyFile


def is_audited(study: StudyFile, source: str) -> bool:
    """Whether the study wants the source looked at."""
    return study.audit.enabled and study.sources[source].kind not in KINDS


def audit_sources(
    names: Sequence[str],
    prepared: Prepared,
    directory: RunDirectory,
    folds: Sequence[FoldImages],
    notify: Notify,
) -> list[AuditResult]:
    """Audit each source in every fold; an audit that was made already is read back.

    Args:
        names: Sources whose pools the folds have; those that are not to be audited are left out.
        prepared: The study's images and tools.
        directory: Where ``audit.json`` is kept, in the source's folder.
        folds: The folds.
        notify: Takes a warning for every audit that is not passed.

    Raises:
        AuditError: A source failed and the study says on_fail = "stop".
    """
    wanted = [name for name in names if is_audited(prepared.study, name)]
    places = [
        _Place(source, fold, directory.source_folder(source, fold.number))
        for source in wanted
        for fold in folds
    ]
    results = list(_audited(places, prepared, notify))
    failed = [result for result in results if result.verdict == "fail"]
    if failed and prepared.study.audit.on_fail == "stop":
        raise AuditError(
            "\n".join(map(describe, failed))
            + '\nSet audit.on_fail = "warn" to go on with such images all the same; the same '
            "command then goes on where it stopped."
        )
    for result in results:
        if result.verdict != "pass":
            notify(Warned(describe(result)))
    return results


def kept_audits(prepared: Prepared, directory: RunDirectory) -> list[AuditResult]:
    """Return the audits of all sources of the run, as they lie in its directory."""
    paths = [
        directory.source_folder(source, fold) / "audit.json"
        for source in prepared.sources
        for fold in range(len(prepared.split.folds))
        if is_audited(prepared.study, source)
    ]
    return [AuditResult.model_validate(read_json(path)) for path in paths if path.exists()]


def describe(result: AuditResult) -> str:
    """Say in a sentence what an audit found: source, numbers, floors and remedies."""
    verb = "fails" if result.verdict == "fail" else "passes"
    warned = " with a warning" if result.verdict == "warn" else ""
    reasons = "; ".join(result.reasons)
    return f"source {result.source!r}, fold {result.fold}, {verb} the audit{warned}: {reasons}."


@dataclass(frozen=True, eq=False)
class _Place:
    """One source in one fold, and where its audit is kept."""

    source: str
    fold: FoldImages
    folder: Path

    @property
    def kept(self) -> AuditResult | None:
        """The audit that was made already."""
        path = self.folder / "audit.json"
        if path.exists():
            try:
                return AuditResult.model_validate(read_json(path))
            except (StorageError, ValidationError):
                path.unlink()  # damaged: the same measurement gives the same again
        return None


def _make(audit: Callable[[], AuditResult], notify: Notify) -> AuditResult:
    return audit()


def _audited(places: Sequence[_Place], prepared: Prepared, notify: Notify) -> Iterator[AuditResult]:
    """Yield the audit of each place: the one that is kept, or a new one, which then is."""
    found = [place.kept for place in places]
    missing = [place for place, kept in zip(places, found, strict=True) if kept is None]
    audits = (_audit_of(place, prepared) for place in missing)
    made = prepared.engine.map(_make, audits, silent)
    for number, (place, kept) in enumerate(zip(places, found, strict=True)):
        notify(Advanced(number, len(places), "audits"))
        result = kept or next(made)
        if kept is None:
            write_json(place.folder / "audit.json", result.model_dump(mode="json"))
        yield result


def _audit_of(place: _Place, prepared: Prepared) -> Callable[[], AuditResult]:
    options, fold = prepared.study.audit, place.fold
    against = AuditedFold(
        fold=fold,
        train=prepared.train_of(fold.number),
        tune_groups=prepared.images.groups[prepared.split.folds[fold.number].tune],
        classifier=prepared.judging,
        metric=prepared.metric,
        held_out=_held_out(place, prepared),
        seed=prepared.seed.child("audit", fold.number),
    )
    dropped = _dropped(place.folder) if options.quarantine else None
    return partial(audit_source, place.source, against, options.images_per_class, dropped)


def _held_out(place: _Place, prepared: Prepared) -> HeldOut | None:
    """Return the tuning, test and external images, of which one trained here knows nothing."""
    study, images, split = prepared.study, prepared.images, prepared.split
    if isinstance(study.sources[place.source], TRAINED):
        return None
    sets = [("tuning set", images.take(split.folds[place.fold.number].tune))]
    if len(split.test):
        sets.append(("test set", images.take(split.test)))
    if prepared.external_dataset is not None:
        sets.append(("external test set", prepared.external_dataset.images))
    return HeldOut.of(sets, tells_near_duplicates(study.data, images.pixels.shape[1]))


def _dropped(folder: Path) -> dict[str, int]:
    record: Mapping[str, Mapping[str, int]] = read_json(folder / RECORD)
    return {name: made - record["kept"][name] for name, made in record["made"].items()}


def shown_audits(folds: Sequence[FoldImages], results: Sequence[AuditResult]) -> list[ShownAudit]:
    """Return audits with the pictures of their closest pairs."""
    return [
        ShownAudit(
            result,
            _synthetic(folds[result.fold], result.source, result.pairs),
            _real(folds[result.fold], result.pairs),
        )
        for result in results
    ]


def _synthetic(fold: FoldImages, source: str, pairs: Sequence[ClosestPair]) -> NDArray[np.uint8]:
    made = [one for pair in pairs for one in fold.made(source, pair.label, pair.index, 1)]
    return pixels_of(made, fold.train.block.pixels.shape[1:])


def _real(fold: FoldImages, pairs: Sequence[ClosestPair]) -> NDArray[np.uint8]:
    return fold.train.take(np.array([pair.row for pair in pairs], dtype=np.int64)).pixels
