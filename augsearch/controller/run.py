"""The order of a run: data, sources, search, declaration, test, verdict, report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module

from augsearch.controller.budget import Budget
from augsearch.controller.mirror import Mirror
from augsearch.controller.outcome.conclusion import Conclusion
from augsearch.controller.outcome.curves import smoothed_curves
from augsearch.controller.outcome.facts import all_facts, first_facts
from augsearch.controller.outcome.reporting import write_run_report
from augsearch.controller.outcome.results import study_result
from augsearch.controller.run_directory.claiming import same_text, settle
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.keeping import Keeper
from augsearch.controller.stages.answer import declare, declared_arm, open_test_set
from augsearch.controller.stages.arms import SearchedArm, search_arm
from augsearch.controller.stages.auditing import audit_sources, is_audited, kept_audits
from augsearch.controller.stages.controls import search_controls
from augsearch.controller.stages.fitting import empty_folds, fit_sources
from augsearch.controller.stages.generator_replicates import replicate_generators
from augsearch.controller.stages.preparation import Prepared, prepare
from augsearch.controller.stages.real_equivalence import real_curve
from augsearch.controller.stages.untested import judge_on_tuning_set
from augsearch.data.splits import write_external_csv, write_split_csv
from augsearch.errors import AugsearchError, RunDirectoryError, TimeUpError
from augsearch.events import Event, Notify, StageStarted
from augsearch.execution.engines.base import Engine
from augsearch.execution.engines.local import LOCAL
from augsearch.execution.folds import FoldImages
from augsearch.study.order import search_order, sources_of
from augsearch.study.results import StudyResult
from augsearch.study.schema.study import StudyFile

_MIRRORED = "mirrored"


def run_in(
    directory: RunDirectory,
    study: StudyFile,
    text: str,
    notify: Notify,
    *,
    engine: Engine = LOCAL,
) -> StudyResult:
    """Run a study in its claimed directory, or go on with it, to the end.

    Every stage leaves what it made in the directory and finds it there again, so running is
    resuming. A finished run returns its result at once.

    Raises:
        TimeUpError: The study's max_hours have passed since the call; the message says what was
            found so far.
    """
    same_text(directory, text)
    budget = Budget(study.max_hours)
    keeper = Keeper(directory, notify)
    finished = directory.results
    if finished is not None:
        if not directory.remembers(_MIRRORED):  # killed before all of the copy was there
            with _mirrored(study, directory, notify) as mirror:
                mirror.finish(finished)
        keeper.finish()
        return finished

    def tell(event: Event) -> None:
        directory.log(event)
        notify(event)
        keeper.listen(event)
        if isinstance(event, StageStarted):
            directory.shared.still_owned(notify)

    def tell_all(event: Event) -> None:
        tell(event)
        mirror.listen(event)
        budget.listen(event)

    prepared = opened(directory, study, text, tell, engine)
    try:
        with own_threads(directory, engine), _mirrored(study, directory, notify) as mirror:
            conclusion = conclude(directory, prepared, mirror, tell_all)
            return _reported(conclusion, mirror, tell_all)
    except TimeUpError:
        said = budget.stopped(directory, study, prepared.direction)
        raise TimeUpError(said) from None
    finally:
        keeper.finish()


def opened(
    directory: RunDirectory, study: StudyFile, text: str, notify: Notify, engine: Engine = LOCAL
) -> Prepared:
    """Read a study's images and freeze it in its directory, or make sure that they are the same.

    Raises:
        RunDirectoryError: Images or weights changed since the run was begun, or an unfinished one
            was begun where numbers are rounded differently.
        AugsearchError: Anything else in study or data that the user has to put right.
    """
    engine.begin(study.device)
    with directory.stage("data", notify):
        for name in ("data", "external", "features"):
            directory.folder(name)
        prepared = prepare(study, directory.artifacts, notify, engine)
        settle(directory, study, text)
        _same_data(directory, prepared)
        if directory.results is None:
            _same_arithmetic(directory, prepared)
        tables = directory.path / "tables"
        write_split_csv(prepared.dataset, prepared.split, tables / "split.csv")
        if prepared.external_dataset is not None:
            write_external_csv(prepared.external_dataset, tables / "external.csv")
    return prepared


def own_threads(directory: RunDirectory, engine: Engine = LOCAL) -> AbstractContextManager[None]:
    """Compute with the threads that the run began with: its numbers depend on how many they are."""
    return engine.threads(directory.remember("threads", engine.thread_count()))


def conclude(
    directory: RunDirectory, prepared: Prepared, mirror: Mirror, notify: Notify
) -> Conclusion:
    """Go through all stages but the report; what is there already is read back.

    Args:
        directory: The run.
        prepared: The study's images and tools.
        mirror: Is told scores and audits.
        notify: Takes progress and warnings.
    """
    finished = directory.results
    mirror.start(first_facts(directory, prepared))
    facts = all_facts(directory, prepared, notify)
    folds = empty_folds(prepared)
    searched = _search(prepared, directory, folds, mirror, notify)
    declared = declared_arm(searched, prepared)
    curve = real_curve(declared, searched, prepared, directory, notify)
    prepared, controls = search_controls(declared, searched, prepared, directory, mirror, notify)
    searched |= controls
    curves = smoothed_curves(prepared, searched)
    declaration = declare(searched, prepared, directory)
    generations = replicate_generators(declared, searched, prepared, directory, notify)
    stage = "test" if prepared.study.has_test_set else "verdict"
    with directory.stage(stage, notify):
        if prepared.study.has_test_set:
            outcome = open_test_set(declaration, searched, prepared, directory, generations, notify)
        else:
            outcome = judge_on_tuning_set(declaration, searched, prepared)
        result = finished or study_result(
            directory, prepared, searched, outcome, curve, curves, generations
        )
    if finished is None:  # the stage has only now been measured whole
        result = result.model_copy(update={"seconds": directory.seconds})
    return Conclusion(
        directory=directory,
        prepared=prepared,
        searched=searched,
        declaration=declaration,
        generations=generations,
        outcome=outcome,
        curves=curves,
        facts=facts,
        result=result,
    )


def _reported(conclusion: Conclusion, mirror: Mirror, notify: Notify) -> StudyResult:
    """Write the report, and then the result: from then on the run is finished."""
    directory = conclusion.directory
    with directory.stage("report", notify):
        write_run_report(conclusion)
    result = conclusion.result.model_copy(update={"seconds": directory.seconds})
    directory.write_results(result)
    mirror.finish(result)
    return result


@contextmanager
def _mirrored(study: StudyFile, directory: RunDirectory, notify: Notify) -> Iterator[Mirror]:
    """Copy a run to MLflow; if the copy is not whole, the run tries again when it starts again."""
    # The ledger and the mirror's thread both need it, and it cannot be loaded by two threads at
    # once: both would fail.
    for module in ("sqlalchemy.orm", "sqlalchemy.dialects.sqlite"):
        import_module(module)
    mirror = Mirror(study, directory, notify)
    try:
        yield mirror
    finally:
        if mirror.close():
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

    def fit(title: str, names: Sequence[str]) -> None:
        with directory.stage("sources", notify, title):
            fit_sources(names, prepared, directory, {0: folds}, searched, notify)
        if any(is_audited(prepared.study, name) for name in names):
            try:
                with directory.stage("audit", notify):
                    audit_sources(names, prepared, directory, folds, notify)
            finally:  # also what stops the run: most of all that is worth seeing
                mirror.audited(kept_audits(prepared, directory))

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
        searched[name] = search_arm(prepared, directory, folds, name, chosen, mirror, notify)
        multiple = searched[name].multiple
        if multiple is not None:
            chosen[name] = multiple
    return {name: searched[name] for name in prepared.study.arms}


def _same_data(directory: RunDirectory, prepared: Prepared) -> None:
    now = prepared.data_fingerprint
    before = directory.remember("data", now)
    changed = [key for key in now if before.get(key, now[key]) != now[key]]
    if changed:
        raise RunDirectoryError(
            f"what the study reads changed since {directory.path} was started "
            f"({', '.join(changed)}); put it back to go on with that run, or add --fresh to start "
            "anew beside it."
        )


def _same_arithmetic(directory: RunDirectory, prepared: Prepared) -> None:
    """Refuse to go on where numbers would be rounded differently from those that are there."""
    bf16 = "with" if prepared.engine.has_bf16(prepared.device) else "without"
    now = f"{prepared.device} {bf16} bf16"
    before = directory.remember("arithmetic", now)
    if before != now:
        raise RunDirectoryError(
            f"{directory.path} must go on where it began, on {before}, but this is {now}; "
            "go on there, or add --fresh to start anew beside it."
        )
