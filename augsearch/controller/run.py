"""The order of a run: data, sources, search, declaration, test, verdict, report."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from augsearch.controller.answer import (
    Outcome,
    declare,
    finite,
    intervals,
    open_test_set,
)
from augsearch.controller.arms import SearchedArm, search_arm
from augsearch.controller.directory import RunDirectory, settle
from augsearch.controller.fitting import empty_folds, fit_sources
from augsearch.controller.mirror import Mirror
from augsearch.controller.preparation import Prepared, prepare
from augsearch.controller.reporting import write_run_report
from augsearch.data.splits import write_split_csv
from augsearch.device import thread_count, threads
from augsearch.errors import AugsearchError, RunDirectoryError
from augsearch.events import Event, Notify, StageStarted
from augsearch.execution.folds import FoldImages
from augsearch.study.consistency import baseline_arm
from augsearch.study.order import search_order, sources_of
from augsearch.study.results import ArmResult, HistoryEntry, Interval, StudyResult
from augsearch.study.schema.study import StudyFile

LIBRARIES = ("augsearch", "torch", "torchvision", "optuna", "mlflow", "numpy", "scikit-learn")

_MIRRORED = "mirrored"


def run_in(directory: RunDirectory, study: StudyFile, text: str, notify: Notify) -> StudyResult:
    """Run a study in its claimed directory, or go on with it, to the end.

    Every stage leaves what it made in the directory and finds it there again, so running is
    resuming. A finished run returns its result at once.
    """
    finished = directory.results
    if finished is not None:
        if not directory.remembers(_MIRRORED):  # killed between the result and its copy
            mirror = Mirror(study, directory, notify)
            _mirror(mirror, directory, finished)
            mirror.close()
        return finished

    def tell(event: Event) -> None:
        directory.log(event)
        notify(event)

    tell(StageStarted("data"))
    with directory.timed("data"):
        prepared = prepare(study, directory.artifacts, tell)
        settle(directory, study, text)
        _same_data(directory, prepared)
        write_split_csv(prepared.dataset, prepared.split, directory.path / "tables" / "split.csv")
    # A run goes on with the threads that it began with: its numbers depend on how many they are.
    count = directory.remember("threads", thread_count())
    mirror = Mirror(study, directory, notify)
    try:
        with threads(count):
            return _train_and_test(directory, prepared, text, mirror, tell)
    finally:
        mirror.close()


def _train_and_test(
    directory: RunDirectory, prepared: Prepared, text: str, mirror: Mirror, notify: Notify
) -> StudyResult:
    def tell(event: Event) -> None:
        notify(event)
        mirror.listen(event)

    facts = run_facts(prepared)
    mirror.start(facts)
    folds = empty_folds(prepared)
    searched = _search(prepared, directory, folds, mirror, tell)
    tell(StageStarted("test"))
    with directory.timed("test"):
        declaration = declare(searched, baseline_arm(prepared.study), prepared, directory)
        outcome = open_test_set(declaration, searched, prepared, directory)
        draft = _result(directory, prepared, searched, declaration.baseline, outcome)
    tell(StageStarted("report"))
    with directory.timed("report"):
        write_run_report(directory, prepared, searched, draft, outcome, text, facts)
    result = draft.model_copy(update={"seconds": directory.seconds})
    directory.write_results(result)
    _mirror(mirror, directory, result)
    return result


def _mirror(mirror: Mirror, directory: RunDirectory, result: StudyResult) -> None:
    mirror.finish(result)
    directory.remember(_MIRRORED, True)


def _search(
    prepared: Prepared,
    directory: RunDirectory,
    folds: list[FoldImages],
    mirror: Mirror,
    notify: Notify,
) -> dict[str, SearchedArm]:
    searched: dict[str, SearchedArm] = {}
    chosen: dict[str, float] = {}

    def fit(stage: str, names: Sequence[str]) -> None:
        notify(StageStarted(stage))
        with directory.timed("sources"):
            fit_sources(names, prepared, directory, folds, searched, notify)

    sources = prepared.study.sources
    fit("sources", [name for name in prepared.sources if sources[name].train_on is None])
    for name in search_order(prepared.study):
        arm = prepared.study.arms[name]
        if arm.base is not None and arm.base not in chosen:
            raise AugsearchError(
                f"arms.{name}.base: arm {arm.base!r} has no finite score to start from."
            )
        # What is trained on an arm's set can only be fitted once that arm has been searched.
        late = [source for source in sources_of(arm) if source not in folds[0].pools]
        if late:
            fit(f"source {', '.join(late)}", late)
        notify(StageStarted(f"search {name}"))
        with directory.timed("search"):
            searched[name] = search_arm(prepared, directory, folds, name, chosen, mirror, notify)
        multiple = searched[name].multiple
        if multiple is not None:
            chosen[name] = multiple
    return {name: searched[name] for name in prepared.study.arms}


def _result(
    directory: RunDirectory,
    prepared: Prepared,
    searched: Mapping[str, SearchedArm],
    baseline: str,
    outcome: Outcome,
) -> StudyResult:
    return StudyResult(
        study=prepared.study.name,
        baseline=baseline,
        arms={name: _arm_result(prepared, one, outcome) for name, one in searched.items()},
        verdict=outcome.answer,
        warnings=directory.warnings,
        seconds=directory.seconds,
    )


def _arm_result(prepared: Prepared, one: SearchedArm, outcome: Outcome) -> ArmResult:
    tested = one.name in outcome.test
    external = None
    if prepared.external is not None and tested:
        labels = prepared.external.labels
        external = intervals(prepared, one.name, "external", labels, outcome.external)
    gain = outcome.gains.get(one.name)
    return ArmResult(
        multiple=one.multiple,
        unit=one.arm.unit,
        n_train=one.train_size,
        score=None if one.found.score is None else finite(one.found.score),
        stopped_at=one.found.stopped_at,
        reason=one.found.reason if one.arm.search else None,
        history=[
            HistoryEntry(
                multiple=entry.multiple,
                score=finite(entry.score),
                scores=[finite(score) for score in entry.scores],
            )
            for entry in one.found.history
        ],
        test=(
            intervals(prepared, one.name, "test", prepared.test.labels, outcome.test)
            if tested
            else {}
        ),
        external=external,
        gain=(
            Interval(value=finite(gain.gain), low=finite(gain.low), high=finite(gain.high))
            if gain
            else None
        ),
    )


def _same_data(directory: RunDirectory, prepared: Prepared) -> None:
    now = prepared.data_fingerprint
    before = directory.remember("data", now)
    if before != now:
        changed = ", ".join(key for key in now if before.get(key) != now[key])
        raise RunDirectoryError(
            f"the images changed since {directory.path} was started ({changed}); "
            "put them back to go on with that run, or add --fresh to start anew beside it."
        )


def run_facts(prepared: Prepared) -> dict[str, str]:
    """Return versions, device and data fingerprint, for MLflow and the report."""
    libraries = {f"version.{name}": version(name) for name in LIBRARIES}
    return libraries | {
        "version.python": platform.python_version(),
        "device": prepared.device,
        "threads": str(thread_count()),
        "data.fingerprint": prepared.develop.key[:16],
    }
