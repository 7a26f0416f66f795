"""From a [sources.NAME] table to the source it describes."""

from __future__ import annotations

from importlib.metadata import entry_points

from augsearch.errors import SourceError
from augsearch.sources.base import Source
from augsearch.study.schema.sources import (
    SOURCE_PLUGINS,
    AcganOptions,
    CallableOptions,
    ClassicOptions,
    FolderOptions,
    PluginOptions,
    RepeatOptions,
    SourceOptions,
)


def create_source(options: SourceOptions) -> Source:
    """Build the source that `options` describe; only its own module is imported.

    Raises:
        SourceError: A function or plugin cannot be imported or does not take its options.
    """
    match options:
        case AcganOptions():
            from augsearch.sources.acgan import Acgan

            return Acgan(options)
        case ClassicOptions():
            from augsearch.sources.classic import Classic

            return Classic(options)
        case RepeatOptions():
            from augsearch.sources.repeat import Repeat

            return Repeat()
        case FolderOptions():
            from augsearch.sources.folder import FolderSource

            return FolderSource(options)
        case CallableOptions():
            from augsearch.sources.function import CallableSource

            return CallableSource(options)
        case PluginOptions():
            return _plugin(options)


def _plugin(options: PluginOptions) -> Source:
    found = entry_points(group=SOURCE_PLUGINS, name=options.kind)
    if not found:
        known = ", ".join(sorted(entry_points(group=SOURCE_PLUGINS).names)) or "none"
        raise SourceError(
            f"kind must be an installed plugin but got {options.kind!r} (installed: {known}); "
            "install the package that brings it"
        )
    entry = next(iter(found))
    try:
        source = entry.load()(**options.options)
    except Exception as error:
        raise SourceError(
            f"plugin {options.kind!r} ({entry.value}) must take its options but raised "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(source, Source):
        raise SourceError(
            f"plugin {options.kind!r} ({entry.value}) must be a subclass of "
            f"augsearch.sources.base.Source but gave a {type(source).__name__}"
        )
    return source
