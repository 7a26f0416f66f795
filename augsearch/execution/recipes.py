"""What a training set is made of: how many images of which class from which source.

Pure arithmetic. A larger amount contains every smaller one, because each source's stream is taken
from its front, one ingredient after the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from augsearch.amounts import Unit
from augsearch.errors import AugsearchError
from augsearch.study.order import sources_of
from augsearch.study.schema.arms import Addition, Arm, nothing_added


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
        real: Number of real training images of each class that are used.
        ingredients: What is added, in order.
    """

    real: tuple[int, ...]
    ingredients: tuple[Ingredient, ...] = ()

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Number of images of each class, real and added."""
        added = (ingredient.counts for ingredient in self.ingredients)
        return tuple(sum(counts) for counts in zip(self.real, *added, strict=True))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that images come from, in order of first use."""
        return tuple(dict.fromkeys(one.source for one in self.ingredients))

    def __len__(self) -> int:
        return sum(self.class_counts)

    def plus(self, source: str, counts: Sequence[int]) -> Recipe:
        """Add the next `counts[c]` images of each class of `source`."""
        if not any(counts):
            return self
        ingredient = Ingredient(source, self.taken(source), tuple(counts))
        return Recipe(self.real, (*self.ingredients, ingredient))

    def taken(self, source: str) -> tuple[int, ...]:
        """Return how many images of each class come from `source`."""
        counts = (one.counts for one in self.ingredients if one.source == source)
        return tuple(sum(several) for several in zip([0] * len(self.real), *counts, strict=True))

    def balanced(self, source: str) -> Recipe:
        """Fill every class up to the largest one."""
        largest = max(self.class_counts)
        return self.plus(source, [largest - count for count in self.class_counts])

    def extra(self, amount: float, unit: Unit = "multiple") -> tuple[int, ...]:
        """Return how many images of each class an amount adds to this set.

        Args:
            amount: Of `unit`: at least 1 for a multiple, else at least 0.
            unit: "multiple": (K - 1) times each class's count, rounded half up. "added": as many
                in all, shared out as this set's classes are (`shared_out`). "per_class": as many
                of each class.

        Raises:
            ValueError: The amount is too small.

        Example:
            >>> Recipe((10, 5)).extra(2.5)
            (15, 8)
            >>> Recipe((10, 5)).extra(9, "added")
            (6, 3)
        """
        least = nothing_added(unit)
        if not amount >= least:
            raise ValueError(
                f"an amount counted by {unit} must be at least {least:g} but got {amount:g}; "
                f"{least:g} adds nothing."
            )
        if unit == "multiple":
            return tuple(_half_up((amount - 1) * count) for count in self.class_counts)
        if unit == "added":
            return shared_out(round(amount), self.class_counts)
        return (round(amount),) * len(self.real)


def shared_out(total: int, shares: Sequence[int]) -> tuple[int, ...]:
    """Share `total` images out over the classes in proportion to `shares`.

    By the method of Webster and Sainte-Laguë: the next image goes to the class with the largest
    share / (2 got + 1), the first of them on ties. So the counts add up to `total`, and no class
    gets less of a larger total (the largest-remainder method does not promise that).

    Example:
        >>> shared_out(10, (100, 100, 50))
        (4, 4, 2)
    """
    n, n_classes = sum(shares), len(shares)
    # All that is certain to be reached on the way, at once: rounding (total - n_classes / 2) / n
    # times each share half up never gives more than `total`, and at most `n_classes` less.
    got = [max(0, (2 * total - n_classes) * share + n) // (2 * n) for share in shares]
    for _ in range(total - sum(got)):
        got[max(range(n_classes), key=lambda c: (shares[c] / (2 * got[c] + 1), -c))] += 1
    return tuple(got)


def arm_recipe(
    arms: Mapping[str, Arm],
    name: str,
    amount: float,
    real: tuple[int, ...],
    chosen: Mapping[str, float],
    sizes: Mapping[str, Sequence[int | None]],
) -> Recipe:
    """Return what an arm trains on at `amount` in a fold.

    The order is base (another arm at its chosen amount) or a share of the real images, balance,
    fixed additions, searched addition. Fixed additions count in sizes of the set before them all,
    the searched one in sizes of everything before it, so K = 1 is that set. With a share of the
    real images, the sizes are still those with all of them: K = 2 without real images adds as many
    as there are real ones. What a share leaves out is rounded half up, as additions are, so K =
    2 - share replaces it exactly.

    Args:
        arms: All arms of the study.
        name: Which one.
        amount: Counted in the unit of the arm's search; without effect on an arm that searches
            nothing.
        real: Real training images of each class in the fold.
        chosen: The chosen amounts of the arms that others are based on.
        sizes: Images of each class that a fitted source has, None without an end; for additions of
            everything.

    Raises:
        AugsearchError: The set has no image of a class that the fold has real images of.
    """
    arm = arms[name]
    if arm.base is not None:
        recipe = whole = arm_recipe(arms, arm.base, chosen[arm.base], real, chosen, sizes)
    else:
        whole = Recipe(real)
        recipe = Recipe(tuple(count - _half_up((1 - arm.real) * count) for count in real))
    if arm.balance is not None:
        whole, recipe = whole.balanced(arm.balance), recipe.balanced(arm.balance)
    base = whole
    for one in arm.add:
        counts = _added(one, base, recipe, sizes)
        whole, recipe = whole.plus(one.source, counts), recipe.plus(one.source, counts)
    if arm.search is not None:
        recipe = recipe.plus(arm.search.source, whole.extra(amount, arm.search.unit))
    _check_classes(name, amount, real, recipe)
    return recipe


def _added(
    one: Addition, base: Recipe, recipe: Recipe, sizes: Mapping[str, Sequence[int | None]]
) -> tuple[int, ...]:
    """Return how many images of each class an addition brings, in sizes of `base`.

    Everything is what `recipe` has not taken yet.
    """
    if not one.everything:
        return base.extra(one.amount, one.unit)
    counts = []
    for size, taken in zip(sizes[one.source], recipe.taken(one.source), strict=True):
        if size is None:
            raise AugsearchError(
                f"everything = true needs a source that has an end but {one.source!r} has none; "
                "give multiple, added or per_class."
            )
        counts.append(max(0, size - taken))
    return tuple(counts)


def _half_up(value: float) -> int:
    return math.floor(round(value, 9) + 0.5)


def _check_classes(name: str, amount: float, real: tuple[int, ...], recipe: Recipe) -> None:
    for label, (there, used) in enumerate(zip(real, recipe.class_counts, strict=True)):
        if there and not used:
            raise AugsearchError(
                f"arm {name!r} must train on images of every class but has none of class number "
                f"{label} at {amount:g}, where a fold has {there} real ones; use a larger share "
                "of the real images or add more."
            )


def fixed_amount(arm: Arm) -> float:
    """Return the amount of an arm without a search, in its unit: what its additions add up to."""
    if arm.unit == "multiple":
        return 1.0 + sum(one.amount - 1.0 for one in arm.add)
    return sum(one.amount for one in arm.add)


def describe(arm: Arm) -> str:
    """Say in words what an arm trains on.

    Example:
        >>> describe(Arm(balance="acgan"))
        'real images, balanced by acgan'
    """
    words = [f"chosen set of arm {arm.base}" if arm.base else _share(arm.real)]
    if arm.balance:
        words.append(f"balanced by {arm.balance}")
    # Beside a share of the real images "as many" would leave open as many as what.
    times = "times as many" if arm.real == 1 else "times the base size"
    for one in arm.add:
        number = f"{one.amount - nothing_added(one.unit):.10g}"
        words.append(f"plus {_quantity(number, one.unit, times)} from {one.source}")
    if arm.search:
        number = "(K - 1)" if arm.search.unit == "multiple" else "N"
        words.append(f"plus {_quantity(number, arm.search.unit, times)} from {arm.search.source}")
    return ", ".join(words)


def _share(real: float) -> str:
    if real == 1:
        return "real images"
    words = {0.0: "no", 0.5: "half of the"}
    return f"{words.get(real, f'{100 * real:.10g}% of the')} real images"


def _quantity(number: str, unit: Unit, times: str) -> str:
    if unit == "everything":
        return "all images"
    return f"{number} " + {"multiple": times, "added": "images", "per_class": "of each class"}[unit]


def sources_of_arm(arms: Mapping[str, Arm], name: str) -> tuple[str, ...]:
    """Return the sources that an arm's training set needs, those of its bases first."""
    base = arms[name].base
    before = sources_of_arm(arms, base) if base is not None else ()
    return tuple(dict.fromkeys((*before, *sources_of(arms[name]))))
