"""What a training set is made of: how many images of which class from which source.

Pure arithmetic. A larger multiple contains every smaller one, because each source's stream is
taken from its front, one ingredient after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augsearch.study.schema.arms import Arm


@dataclass(frozen=True)
class Ingredient:
    """Images `starts[c]` to `starts[c] + counts[c]` of each class c of one source's stream."""

    source: str
    starts: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """The real training images and what is added to them.

    Attributes:
        real: Number of real training images of each class.
        ingredients: What is added, in order.
    """

    real: tuple[int, ...]
    ingredients: tuple[Ingredient, ...] = ()

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Number of images of each class, real and added."""
        added = (ingredient.counts for ingredient in self.ingredients)
        return tuple(sum(counts) for counts in zip(self.real, *added, strict=True))

    def __len__(self) -> int:
        return sum(self.class_counts)

    def plus(self, source: str, counts: Sequence[int]) -> Recipe:
        """Add the next `counts[c]` images of each class of `source`."""
        if not any(counts):
            return self
        earlier = (one.counts for one in self.ingredients if one.source == source)
        starts = tuple(sum(taken) for taken in zip([0] * len(self.real), *earlier, strict=True))
        ingredient = Ingredient(source, starts, tuple(counts))
        return Recipe(self.real, (*self.ingredients, ingredient))

    def balanced(self, source: str) -> Recipe:
        """Fill every class up to the largest one."""
        largest = max(self.class_counts)
        return self.plus(source, [largest - count for count in self.class_counts])

    def extra(self, multiple: float) -> tuple[int, ...]:
        """Return (K - 1) times each class's count, rounded half up.

        Example:
            >>> Recipe((10, 5)).extra(2.5)
            (15, 8)
        """
        return tuple(
            math.floor(round((multiple - 1) * count, 9) + 0.5) for count in self.class_counts
        )


def arm_recipe(
    arms: Mapping[str, Arm],
    name: str,
    multiple: float,
    real: tuple[int, ...],
    chosen: Mapping[str, float],
) -> Recipe:
    """Return what an arm trains on at `multiple` in a fold.

    The order is base (another arm at its chosen multiple), balance, fixed additions, searched
    addition. Fixed additions are multiples of the set before them all; the searched one is a
    multiple of everything before it, so K = 1 is that set.

    Args:
        arms: All arms of the study.
        name: Which one.
        multiple: The amount; without effect on an arm that searches nothing.
        real: Real training images of each class in the fold.
        chosen: The chosen multiples of the arms that others are based on.
    """
    arm = arms[name]
    recipe = Recipe(real)
    if arm.base is not None:
        recipe = arm_recipe(arms, arm.base, chosen[arm.base], real, chosen)
    if arm.balance is not None:
        recipe = recipe.balanced(arm.balance)
    amounts = [(one.source, recipe.extra(one.multiple)) for one in arm.add]
    for source, counts in amounts:
        recipe = recipe.plus(source, counts)
    if arm.search is not None:
        recipe = recipe.plus(arm.search.source, recipe.extra(multiple))
    return recipe


def fixed_multiple(arm: Arm) -> float:
    """Return the size of an arm without a search over the size before its additions."""
    return 1.0 + sum(one.multiple - 1.0 for one in arm.add)


def describe(arm: Arm) -> str:
    """Say in words what an arm trains on.

    Example:
        >>> describe(Arm(balance="acgan"))
        'real images, balanced by acgan'
    """
    words = [f"chosen set of arm {arm.base}" if arm.base else "real images"]
    if arm.balance:
        words.append(f"balanced by {arm.balance}")
    words += [f"plus {one.multiple - 1:g} times as many from {one.source}" for one in arm.add]
    if arm.search:
        words.append(f"plus (K - 1) times as many from {arm.search.source}")
    return ", ".join(words)


def sources_of(arms: Mapping[str, Arm]) -> tuple[str, ...]:
    """Return the names of the sources that any arm uses, in order of first use."""
    names: dict[str, None] = {}
    for arm in arms.values():
        searched = [arm.search.source] if arm.search else []
        for name in [arm.balance, *(one.source for one in arm.add), *searched]:
            if name is not None:
                names[name] = None
    return tuple(names)


def in_order(arms: Mapping[str, Arm]) -> tuple[str, ...]:
    """Return the arms' names so that each comes after the arm it is based on."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        base = arms[name].base
        if base is not None:
            visit(base)
        if name not in ordered:
            ordered.append(name)

    for name in arms:
        visit(name)
    return tuple(ordered)
