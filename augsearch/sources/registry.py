"""From a [sources.NAME] table to the source it describes."""

from __future__ import annotations

from augsearch.plugins import create_plugin
from augsearch.sources.base import Source
from augsearch.study.schema.generators import AcganOptions, DcganOptions, WganOptions
from augsearch.study.schema.sources import (
    SOURCE_PLUGINS,
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
        SourceError: A function cannot be imported or does not take its options.
        AugsearchError: The same of a plugin.
    """
    source = _created(options)
    if options.select is None:
        return source
    from augsearch.sources.selection.select import Selection

    return Selection(source, options.select)


def _created(options: SourceOptions) -> Source:
    match options:
        case AcganOptions() | DcganOptions() | WganOptions():
            from augsearch.sources.generators.generator import GeneratorSource

            return GeneratorSource(options)
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
            source: Source = create_plugin(SOURCE_PLUGINS, options.kind, options.options, Source)
            return source
