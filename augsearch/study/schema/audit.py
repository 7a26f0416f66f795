"""[audit]: whether generators are looked at before the search, and what happens if one fails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augsearch.study.schema.tables import Table


class AuditOptions(Table):
    """The audit of every source but classic augmentation and repeated images.

    It looks for copies of training images, for collapse, and at how far the images lie from real
    ones. It only judges: nothing it finds changes what is trained, unless `quarantine` is set.
    """

    enabled: bool = True
    """false: nothing is measured, and nothing is put in quarantine."""
    on_fail: Literal["stop", "warn"] = "warn"
    """What happens if a source fails: the run stops before the search, or goes on and says so."""
    images_per_class: Annotated[int, Field(ge=20)] = 200
    """Images of each class that a source is asked for; fewer, if it has no more."""
    quarantine: bool = False
    """Drop copies from what a source gives, so that K counts what remains. What is a copy is then
    told from the fold's training images alone."""
