"""What a run came to once its choice has been judged: what its report and exports are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.answer import Declaration, Outcome
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.generator_replicates import Generations
from augsearch.controller.stages.preparation import Prepared
from augsearch.execution.folds import FoldImages
from augsearch.report.contents import Smoothed
from augsearch.study.results import StudyResult


@dataclass(frozen=True, eq=False)
class Conclusion:
    """All stages of a run but its report, done or read back.

    Attributes:
        directory: Where everything lies.
        prepared: The study's images and tools.
        searched: Every arm of the study and every control, in order.
        declaration: What was chosen.
        generations: The trainings of the generators behind the verdict.
        outcome: What the test set said.
        curves: The smoothed curves of the searches that have one.
        facts: Versions, device and data fingerprint of the run.
        result: As it stands in results.json; of a run that is not finished yet, without the time
            of its report.
    """

    directory: RunDirectory
    prepared: Prepared
    searched: Mapping[str, SearchedArm]
    declaration: Declaration
    generations: Generations
    outcome: Outcome
    curves: Mapping[str, Smoothed]
    facts: Mapping[str, str]
    result: StudyResult

    @property
    def folds(self) -> Sequence[FoldImages]:
        """The folds with the pools that were searched with."""
        return self.generations.folds[0]
