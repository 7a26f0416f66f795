"""An amount in words: a multiple K, images added in all, or images added of each class."""

from __future__ import annotations

from typing import Literal

Unit = Literal["multiple", "added", "per_class", "everything"]
"""What an amount counts: K, the size of the training set over the base size; images added in all,
shared out as the base set's classes are; images added of each class; all images of a source."""


def amount_axis(unit: Unit) -> str:
    """Return what an axis of amounts is called."""
    return {
        "multiple": "K, size of the training set over the base size",
        "added": "images added",
        "per_class": "images added of each class",
        "everything": "all images of the source",
    }[unit]


def amount_words(amount: float, unit: Unit) -> str:
    """Return an amount with its unit.

    Example:
        >>> amount_words(14, "multiple"), amount_words(1500, "added")
        ('K = 14', '+1,500 images')
    """
    if unit == "multiple":
        return f"K = {amount:g}"
    if unit == "everything":
        return "all images"
    return f"+{amount:,.0f} images" + (" per class" if unit == "per_class" else "")
