"""A source to be fitted to one fold's training images, wherever that takes place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from augsearch.errors import SourceError
from augsearch.events import Notify
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.selection.quarantine import quarantined


@dataclass(frozen=True, eq=False)
class Fitting:
    """What it takes to fit a source, or to read back what an earlier fit left in its folder.

    Attributes:
        source: The source.
        train: What it learns from.
        context: Seed, folder, device, judge, expert. Its listener is not used.
        originals: Real training images whose copies are dropped from the pool; None: nothing is
            dropped.
    """

    source: Source
    train: LabelledImages
    context: FitContext
    originals: LabelledImages | None = None

    def parts(self) -> list[Fitting]:
        """Return fits that do parts of this one, each without the others, before it."""
        return [
            replace(self, source=part, originals=None) for part in self.source.parts(self.train)
        ]

    def pool(self, notify: Notify) -> Pool:
        """Fit the source, go on with a fit that was killed, or read a finished one back.

        Raises:
            SourceError: The source gave no pool.
        """
        context = replace(self.context, notify=notify)
        pool = self.source.fit(self.train, context)
        if not isinstance(pool, Pool):  # a plugin's
            raise SourceError(
                f"fit of source {context.name!r} must return a Pool but returned "
                f"{type(pool).__name__}; put its code right."
            )
        return pool if self.originals is None else quarantined(pool, self.originals, context)
