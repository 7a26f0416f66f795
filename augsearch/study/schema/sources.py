"""[sources.NAME]: where added images can come from, one table per kind of source."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag

from augsearch.messages import show
from augsearch.study.schema.generators import (
    AcganOptions,
    DcganOptions,
    WganOptions,
)
from augsearch.study.schema.selection import SourceTable
from augsearch.study.schema.tables import (
    BelowOne,
    ExistingFolder,
    choose_by,
    or_else,
    registered,
)

SOURCE_PLUGINS = "augsearch.sources"
"""Entry point group of third-party sources: ``name = "package.module:SourceSubclass"``."""
FUNCTION_PATTERN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"


def _rising(jitter: float | tuple[float, float]) -> float | tuple[float, float]:
    if isinstance(jitter, tuple) and not 0 <= jitter[0] < jitter[1]:
        raise ValueError(f"must be two rising factors from 0 on but got {show(jitter)}")
    return jitter


Jitter = Annotated[
    BelowOne | Annotated[tuple[float, float], Field(strict=False)],
    or_else("must be a number from 0 to below 1 or two factors, [low, high],", "0.2, [0.8, 1.2]"),
    AfterValidator(_rising),
]


class ClassicOptions(SourceTable):
    """Classic augmentation of real training images; names as in torchvision."""

    kind: Literal["classic"]
    horizontal_flip: bool = True
    """Mirror half of the images left to right."""
    vertical_flip: bool = False
    """Mirror half of the images top to bottom."""
    degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    """Largest rotation, either way."""
    translate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest shift as a fraction of the image's side."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of size: 0.1 draws from 0.9 to 1.1."""
    brightness: Jitter = 0.0
    """Factors: 0.2 draws from 0.8 to 1.2, [0.7, 0.9] from 0.7 to 0.9; the same for the next two."""
    contrast: Jitter = 0.0
    """Factors on the distance from the mean grey."""
    saturation: Jitter = 0.0
    """Factors on the distance from grey, of colour images."""


class RepeatOptions(SourceTable):
    """The real training images again: the control for more optimiser steps."""

    kind: Literal["repeat"]


class FolderOptions(SourceTable):
    """Images made elsewhere, one folder per class, named like the classes of the data.

    They are brought to the study's size and channels, without its `preprocess` and
    `intensity_range`.
    """

    kind: Literal["folder"]
    path: ExistingFolder
    """Holds the class folders."""


class CallableOptions(SourceTable):
    """A Python function that gives the images: "package.module:function"."""

    kind: Literal["callable"]
    function: Annotated[str, Field(pattern=FUNCTION_PATTERN)]
    """Where it is: "package.module:function"."""
    options: dict[str, Any] = Field({})
    """Given to it as keyword arguments."""


_BUILT_IN_SOURCES = ("acgan", "dcgan", "wgan", "classic", "repeat", "folder", "callable")


class PluginOptions(SourceTable):
    """A source that another package registers under the entry point group augsearch.sources."""

    kind: Annotated[str, Field(json_schema_extra={"not": {"enum": list(_BUILT_IN_SOURCES)}})]
    """The entry point's name."""
    options: dict[str, Any] = Field({})
    """Given to its class as keyword arguments."""


SourceOptions = Annotated[
    Annotated[AcganOptions, Tag("acgan")]
    | Annotated[DcganOptions, Tag("dcgan")]
    | Annotated[WganOptions, Tag("wgan")]
    | Annotated[ClassicOptions, Tag("classic")]
    | Annotated[RepeatOptions, Tag("repeat")]
    | Annotated[FolderOptions, Tag("folder")]
    | Annotated[CallableOptions, Tag("callable")]
    | Annotated[PluginOptions, registered(SOURCE_PLUGINS, _BUILT_IN_SOURCES), Tag("plugin")],
    choose_by("kind", *_BUILT_IN_SOURCES, other="plugin"),
]
