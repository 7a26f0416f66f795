"""The order of a run: data, sources, search, declaration, test, verdict, report."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from augsearch.controller.answer import (
    Outcome,
    declare,
    declared_arm,
    finite,
    intervals,
    open_test_set,
)
from augsearch.controller.arms import SearchedArm, search_arm
from augsearch.controller.auditing import audit_sources, is_audited, kept_audits
from augsearch.controller.controls import search_controls
from augsearch.controller.directory import RunDirectory, settle
from augsearch.controller.fitting import empty_folds, fit_sources
from augsearch.controller.mirror import Mirror
from augsearch.controller.preparation import Prepared, prepare
from augsearch.controller.real_equivalence import RealCurve, equivalence, real_curve
from augsearch.controller.reporting import write_run_report
from augsearch.data.splits import write_split_csv
from augsearch.device import thread_count, threads
from augsearch.errors import AugsearchError, RunDirectoryError
from augsearch.events import Event, Notify, StageStarted
from augsearch.execution.folds import FoldImages
from augsearch.search.rounds import merged
from augsearch.study.consistency import baseline_arm
from augsearch.study.order import search_order, sources_of
from augsearch.study.results import ArmResult, HistoryEntry, Interval, StudyResult
from augsearch.study.schema.study import StudyFile, TrackingOptions

LIBRARIES = ("augsearch", "torch", "torchvision", "optuna", "mlflow", "numpy", "scikit-learn")

UNKNOWN = {"version.augsearch": "(version not recorded)"}
"""Facts of a run that was finished before runs remembered them."""

_MIRRORED = "mirrored"


def run_in(
    directory: RunDirectory, study: StudyFile, text: str, notify: Notify, *, again: bool = False
) -> StudyResult:
    """Run a study in its claimed directory, or go on with it, to the end.

    Every stage leaves what it made in the directory and finds it there again, so running is
    resuming. A finished run returns its result at once; with `again` it goes through all stages
    once more, finds everything there, and writes its report from it and nothing else.
    """
    finished = directory.results
    if finished is not None and not again:
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
    untracked = study.model_copy(update={"tracking": TrackingOptions(enabled=False)})
    mirror = Mirror(untracked if again else study, directory, notify)
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

    finished = directory.results
    facts = directory.remember("facts", UNKNOWN if finished else run_facts(prepared))
    mirror.start(facts)
    folds = empty_folds(prepared)
    searched = _search(prepared, directory, folds, mirror, tell)
    baseline = baseline_arm(prepared.study)
    declared = declared_arm(searched, baseline, prepared)
    curve = real_curve(declared, baseline, searched, prepared, directory, tell)
    prepared, controls = search_controls(declared, searched, prepared, directory, mirror, tell)
    searched |= controls
    tell(StageStarted("test"))
    with directory.timed("test"):
        declaration = declare(searched, baseline, prepared, directory)
        outcome = open_test_set(declaration, searched, prepared, directory, tell)
        draft = _result(directory, prepared, searched, baseline, outcome, curve)
    tell(StageStarted("report"))
    with directory.timed("report"):
        write_run_report(directory, prepared, searched, finished or draft, outcome, text, facts)
    if finished is not None:
        return finished
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
        if any(is_audited(prepared.study, name) for name in names):
            notify(StageStarted("audit"))
            with directory.timed("audit"):
                audit_sources(names, prepared, directory, folds, notify)

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
    curve: RealCurve | None,
) -> StudyResult:
    gain = outcome.gains.get(outcome.answer.arm) if outcome.answer else None
    return StudyResult(
        study=prepared.study.name,
        baseline=baseline,
        arms={name: _arm_result(prepared, one, outcome) for name, one in searched.items()},
        verdict=outcome.answer,
        test_opened_before=list(outcome.opened_before),
        real_equivalence=equivalence(curve, gain, prepared) if curve and gain else None,
        audits=kept_audits(prepared, directory),
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
        setting=dict(one.tuned.setting) if one.tuned else None,
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
            for entry in merged(one.found.history)
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
        control_of=one.control_of,
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
