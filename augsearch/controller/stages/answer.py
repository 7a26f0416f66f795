"""The end of a run: declare what was chosen, train it anew, open the test set once, compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.opening import open_once
from augsearch.controller.run_directory.outputs import AnswerFiles
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.generator_replicates import Generations, training_groups
from augsearch.controller.stages.preparation import Prepared, rivals
from augsearch.errors import RunDirectoryError
from augsearch.evaluation.inference.verdict import NOTHING_TO_GAIN, Verdict, verdict
from augsearch.events import Advanced, Notify, Warned, silent
from augsearch.execution.cells import fresh_trainings
from augsearch.execution.folds import FoldImages
from augsearch.records import Portion
from augsearch.report.words.sentences import opened_before
from augsearch.study.results import ControlGain, EarlierOpening, VerdictResult, finite

Outputs = Mapping[str, NDArray[np.float64]]
Groups = NDArray[np.int64] | None
Part = Literal["test", "external"]


@dataclass(frozen=True)
class Declaration:
    """What is said before the test set is opened.

    Attributes:
        multiples: The chosen amount of every arm that has one.
        arm: The arm that the verdict is about; None if there is only the baseline.
        control: Its best control by tuning score; None without controls.
    """

    multiples: Mapping[str, float]
    arm: str | None
    control: str | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the test set said; without one, what can be said without it.

    Attributes:
        files: Arm -> what its fresh trainings left; empty without a test set.
        gains: Arm -> gain over the baseline.
        answer: The verdict on the declared arm.
        opened_before: Other runs that had opened the same test images before.
        groups: Arm -> the generator behind each of its trainings; None: none, or one for all.
    """

    files: Mapping[str, AnswerFiles]
    gains: Mapping[str, Verdict]
    answer: VerdictResult | None
    opened_before: Sequence[EarlierOpening] = ()
    groups: Mapping[str, Groups] = field(default_factory=dict)

    def outputs(self, part: Part) -> Outputs:
        """Return arm -> class probabilities, float64, (trainings, images, classes), of a part."""
        return {name: one.outputs[part] for name, one in self.files.items() if part in one.outputs}


def declared_arm(searched: Mapping[str, SearchedArm], prepared: Prepared) -> str | None:
    """Return the arm that the verdict is about, chosen on tuning scores alone.

    It is the one of the `rivals` with the best score, the first in the study on ties. Controls are
    not candidates.
    """
    arms = {name: searched[name] for name in prepared.study.arms if name in searched}
    found = [
        name for name, one in arms.items() if one.multiple is not None and one.control_of is None
    ]
    return _best(rivals(prepared.study, found), searched, prepared)


def _best(
    names: Sequence[str], searched: Mapping[str, SearchedArm], prepared: Prepared
) -> str | None:
    """Return the arm with the best tuning score, the first on ties; None without arms."""

    def merit(name: str) -> float:
        score = searched[name].found.score
        return -np.inf if score is None else prepared.metric.sign * score

    return max(names, key=merit) if names else None


def declare(
    searched: Mapping[str, SearchedArm], prepared: Prepared, directory: RunDirectory
) -> Declaration:
    """Fix the choice from tuning scores alone, and write it down with the time.

    Raises:
        RunDirectoryError: Another choice was declared before; the test set may have been opened.
    """
    multiples = {name: one.multiple for name, one in searched.items() if one.multiple is not None}
    arm = declared_arm(searched, prepared)
    controls = [name for name in multiples if arm and searched[name].control_of == arm]
    declaration = Declaration(multiples, arm, _best(controls, searched, prepared))
    choice = {"baseline": prepared.study.baseline_arm, "multiples": multiples, "arm": arm}
    if declaration.control is not None:
        choice["control"] = declaration.control
    now = datetime.now(UTC).isoformat(timespec="seconds")
    declared = directory.remember("declaration", {"declared_at": now} | choice)
    if declared != {"declared_at": declared["declared_at"]} | choice:
        raise RunDirectoryError(
            f"the choice must be the one declared at {declared['declared_at']}, before the test "
            f"set was opened, but the ledger of {directory.path} now says otherwise; "
            "add --fresh to start anew beside it."
        )
    return declaration


def open_test_set(
    declaration: Declaration,
    searched: Mapping[str, SearchedArm],
    prepared: Prepared,
    directory: RunDirectory,
    generations: Generations,
    notify: Notify = silent,
) -> Outcome:
    """Train every declared arm anew, score it on test and external images, judge the gains.

    That the test set is opened is written down first. If other runs had opened it before, the
    verdict says so, and so does a warning.
    """
    test = _test_set(prepared)
    before = open_once(directory, test.block.key)
    if before:
        notify(Warned(opened_before(before)))
    sets = {"test": test}
    if prepared.external is not None:
        sets["external"] = prepared.external
    known: dict[tuple[object, ...], AnswerFiles] = {}
    files: dict[str, AnswerFiles] = {}
    groups: dict[str, Groups] = {}
    for number, (name, multiple) in enumerate(declaration.multiples.items()):
        arm = searched[name]
        same = recipe_of(arm, multiple, prepared)
        behind = generations.behind(arm)
        if same not in known:  # arms of the same recipe and classifier are the same trainings
            known[same] = AnswerFiles(directory.folder("test"), arm.name, sets)
            if not known[same].complete:
                notify(Advanced(number, len(declaration.multiples), "arms"))
                _test(arm, multiple, sets, prepared, known[same], behind)
        files[name] = known[same]
        groups[name] = training_groups(behind, prepared.study.evaluation.test_replicates)
    outputs = {name: one.outputs["test"] for name, one in files.items()}
    gains = _gains(prepared, outputs, groups)
    control = _against_control(declaration, outputs, prepared, groups)
    notes = (other_classifier(declaration, searched, prepared), opened_before(before))
    answer = answer_of(declaration, gains, control, notes)
    return Outcome(files, gains, answer, before, groups)


def _test_set(prepared: Prepared) -> Portion:
    if prepared.test is None:
        raise ValueError("the study must have a test set to open; judge it on the tuning set.")
    return prepared.test


def recipe_of(arm: SearchedArm, multiple: float, prepared: Prepared) -> tuple[object, ...]:
    """Return all that decides an arm's trainings at an amount; equal ones are the same."""
    setting = tuple(arm.tuned.setting.items()) if arm.tuned else ()
    return (arm.recipes(multiple), prepared.study.classifier_name(arm.name), setting)


def other_classifier(
    declaration: Declaration, searched: Mapping[str, SearchedArm], prepared: Prepared
) -> str:
    """Say how the declared arm differs from the baseline besides its images; "" if it does not."""
    baseline = prepared.study.baseline_arm
    if declaration.arm is None or baseline not in declaration.multiples:
        return ""
    ours, theirs = (
        recipe_of(searched[name], declaration.multiples[name], prepared)
        for name in (declaration.arm, baseline)
    )
    if ours[1:] == theirs[1:]:
        return ""
    what = "chose other settings" if ours[1] == theirs[1] else "has another classifier"
    return (
        f"arm {declaration.arm!r} {what} than arm {baseline!r}, "
        "so the gain is not that of the images alone"
    )


def _test(
    arm: SearchedArm,
    multiple: float,
    sets: Mapping[str, Portion],
    prepared: Prepared,
    files: AnswerFiles,
    behind: Sequence[Sequence[FoldImages]],
) -> None:
    study = prepared.study
    replicates = study.evaluation.test_replicates
    features_of = "test" if "t-sne" in study.report.figures else None
    files.write(fresh_trainings(arm.score, multiple, replicates, sets, behind, features_of))


def _gains(
    prepared: Prepared, outputs: Outputs, groups: Mapping[str, Groups]
) -> dict[str, Verdict]:
    baseline = prepared.study.baseline_arm
    if baseline not in outputs:
        return {}
    return {
        name: (
            NOTHING_TO_GAIN
            if values is outputs[baseline]
            else _gain(baseline, name, prepared, outputs, groups)
        )
        for name, values in outputs.items()
        if name != baseline
    }


def _gain(
    base: str, name: str, prepared: Prepared, outputs: Outputs, groups: Mapping[str, Groups]
) -> Verdict:
    """Return an arm's gain over another."""
    test = _test_set(prepared)
    return verdict(
        test.labels,
        outputs[base],
        outputs[name],
        prepared.study.evaluation.confidence,
        base_groups=groups[base],
        chosen_groups=groups[name],
        patients=test.patients,
    )


def answer_of(
    declaration: Declaration,
    gains: Mapping[str, Verdict],
    control: ControlGain | None = None,
    notes: Sequence[str] = (),
) -> VerdictResult | None:
    """Return the verdict on the declared arm; None if it has no gain over the baseline.

    Args:
        declaration: What was declared.
        gains: Arm -> gain over the baseline.
        control: Its gain over its best control.
        notes: What else limits the answer; empty ones are left out.
    """
    if declaration.arm is None or declaration.arm not in gains:
        return None
    gain = gains[declaration.arm]
    return VerdictResult(
        arm=declaration.arm,
        label=gain.label,
        gain=gain.gain,
        low=finite(gain.low),
        high=finite(gain.high),
        note="; ".join(filter(None, (gain.note, *notes))),
        control=control,
    )


def _against_control(
    declaration: Declaration, outputs: Outputs, prepared: Prepared, groups: Mapping[str, Groups]
) -> ControlGain | None:
    """Return the declared arm's gain over its best control, judged as that over the baseline."""
    arm, control = declaration.arm, declaration.control
    if arm is None or control is None:
        return None
    found = _gain(control, arm, prepared, outputs, groups)
    return ControlGain(arm=control, gain=found.gain, low=finite(found.low), high=finite(found.high))
