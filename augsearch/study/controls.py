"""What the control arms of a study are called, in tables, in file names and in results.json.

Space and brackets may stand in a file's name on every system, but not in the name that a study file
gives an arm or a source: no control can be taken for one of the study's own.
"""

from __future__ import annotations

KINDS = ("repeat", "classic")
"""Kinds of sources that repeat real images or change them: near to training images on purpose. A
control adds images of one."""


def control_name(arm: str, kind: str) -> str:
    """Return the name of an arm's control.

    Example:
        >>> control_name("search", "repeat")
        'search (repeat control)'
    """
    return f"{arm} ({control_source(kind)})"


def control_source(kind: str) -> str:
    """Return the name of the source that a control adds images from."""
    return f"{kind} control"


def control_kind(name: str) -> str | None:
    """Return the kind of a control by its name; None for an arm of the study's own.

    Example:
        >>> control_kind("search (repeat control)"), control_kind("repeat")
        ('repeat', None)
    """
    return next((kind for kind in KINDS if name.endswith(control_name("", kind))), None)
