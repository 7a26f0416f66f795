"""Before anything is trained: have sources that end, as a folder does, what a study asks for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from augsearch.amounts import amount_words
from augsearch.errors import AugsearchError, SourceError
from augsearch.events import Notify, Warned
from augsearch.execution.reach import (
    Shortage,
    Sizes,
    end_of,
    least_addition,
    rule_of_arm,
    shortage,
)
from augsearch.execution.recipes import arm_recipe
from augsearch.messages import lines
from augsearch.search.base import SearchRule
from augsearch.study.schema.study import StudyFile


@dataclass(frozen=True)
class Supply:
    """What a study asks of its sources, and what they are known to have.

    Attributes:
        study: The study.
        classes: Names of the classes.
        counts: Per fold the real training images of each class.
        sizes: Of every source in use.
    """

    study: StudyFile
    classes: Sequence[str]
    counts: Sequence[tuple[int, ...]]
    sizes: Sizes

    def refuse_shortages(self) -> None:
        """Refuse a study that asks for more images than there are.

        Raises:
            SourceError: It does; every arm that does is named.
        """
        problems = []
        for name, arm in self.study.arms.items():
            wanted = self._wanted(name)
            short = self._short_at(name, wanted)
            if short is not None:
                where = amount_words(wanted, arm.unit)
                problems.append(
                    f"arm {name!r} ({where}): {short.needed} images of class "
                    f"{self.classes[short.label]!r} from source {short.source!r}, "
                    f"which has {short.there}"
                )
        if problems:
            raise SourceError(
                "a source must have the images that arms ask of it but some ask for more; add "
                "images, or ask for fewer (a search for K with a step of less than 1, or with rule "
                f"'sweep' and a list of numbers in added):{lines(problems)}"
            )

    def ended(self, notify: Notify) -> StudyFile:
        """Return the study with searches that end where their source does, and tell which."""
        arms = dict(self.study.arms)
        for name, arm in arms.items():
            end = end_of(self._rule(name), partial(self._short_at, name))
            if end is not None and arm.search is not None:
                notify(Warned(end.words(self.classes, name)))
                search = arm.search.model_copy(update={"max_multiple": end.last})
                arms[name] = arm.model_copy(update={"search": search})
        return self.study.model_copy(update={"arms": arms})

    def _rule(self, name: str) -> SearchRule:
        return rule_of_arm(self.study.arms[name], "maximize", self.study.seed)

    def _wanted(self, name: str) -> float:
        """Return the largest amount that an arm cannot do without.

        A search for K ends where its source does, but has to add images once.
        """
        rule = self._rule(name)
        return least_addition(rule) or max(rule.propose([]))

    @cached_property
    def _least(self) -> Mapping[str, float]:
        """Return the smallest amount that each arm can choose."""
        return {name: min(self._rule(name).propose([])) for name in self.study.arms}

    def _short_at(self, name: str, amount: float) -> Shortage | None:
        """Return what some fold lacks, if arms that this one is based on choose the least."""
        for real in self.counts:
            try:
                recipe = arm_recipe(self.study.arms, name, amount, real, self._least, self.sizes)
            except AugsearchError:  # its own words come when the arm is trained
                return None
            found = shortage(recipe, self.sizes)
            if found is not None:
                return found
        return None
