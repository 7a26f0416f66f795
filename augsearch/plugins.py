"""What other packages bring: classes found by their entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from augsearch.errors import AugsearchError


def create_plugin(group: str, kind: str, options: Mapping[str, Any], base: type[Any]) -> Any:
    """Build what an installed package registers as `kind` under the entry point group.

    Args:
        group: "augsearch.sources", for instance.
        kind: The name of the entry point.
        options: Keyword arguments of its class.
        base: What it must be.

    Raises:
        AugsearchError: There is none, it does not take the options, or it is something else.
    """
    found = entry_points(group=group, name=kind)
    if not found:
        known = ", ".join(sorted(entry_points(group=group).names)) or "none"
        raise AugsearchError(
            f"kind must be an installed plugin but got {kind!r} (installed: {known}); install the "
            "package that brings it"
        )
    entry = next(iter(found))
    try:
        made = entry.load()(**options)
    except Exception as error:
        raise AugsearchError(
            f"plugin {kind!r} ({entry.value}) must take its options but raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, base):
        raise AugsearchError(
            f"plugin {kind!r} ({entry.value}) must be a subclass of {base.__module__}."
            f"{base.__qualname__} but gave a {type(made).__name__}"
        )
    return made
