"""What other packages bring: classes found by their entry points, and errors in their code."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import FrameType, TracebackType
from typing import Any

from augsearch.errors import AugsearchError

_GROUPS = "augsearch."
"""What the names of all entry point groups begin with."""


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
            f"{raised(error, entry.module)}"
        ) from error
    if not isinstance(made, base):
        raise AugsearchError(
            f"plugin {kind!r} ({entry.value}) must be a subclass of {base.__module__}."
            f"{base.__qualname__} but gave a {type(made).__name__}"
        )
    return made


def plugin_problem(error: Exception) -> str | None:
    """Return the message for an error that a plugin's code raised; None if none did."""
    installed = entry_points()
    groups = sorted(group for group in installed.groups if group.startswith(_GROUPS))
    entries = [entry for group in groups for entry in installed.select(group=group)]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        own = [entry for entry in entries if _is_of(frame, entry.module)]
        if own:
            # A package may bring several: "NearestMean.fit" is that of one, a helper of any.
            name = frame.f_code.co_qualname.partition(".")[0]
            meant = [entry for entry in own if entry.attr == name] or own
            plugins = ", ".join(f"{entry.name!r} ({entry.value})" for entry in meant)
            which = "plugin" if len(meant) == 1 else "one of the plugins"
            return (
                f"{which} {plugins} must be put right; the same command then goes on where it "
                f"stopped. It raised {raised(error, own[0].module)}"
            )
    return None


def raised(error: Exception, module: str) -> str:
    """Write an error that a module's package raised: what, where, and how it got there from there.

    Args:
        error: The error.
        module: Of the package whose code was called, which alone its author wants to see.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None and not _is_of(trace.tb_frame, module):
        trace = trace.tb_next
    what = f"{type(error).__name__}: {error}"
    if trace is None:
        return what
    own = [(f, line) for f, line in traceback.walk_tb(trace) if _is_of(f, module)]
    code, line = own[-1][0].f_code, own[-1][1]
    lines = "".join(traceback.format_exception(type(error), error, trace)).rstrip()
    return f"{what} ({code.co_filename}, line {line}, in {code.co_name})\n{lines}"


def _is_of(frame: FrameType, module: str) -> bool:
    """Whether a frame runs code of a module's package."""
    own = str(frame.f_globals.get("__name__", ""))
    return own.partition(".")[0] == module.partition(".")[0]
