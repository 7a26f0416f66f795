"""[sources.NAME]: where added images can come from, one table per kind of source."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Tag, model_validator

from augsearch.study.presets import ACGAN_PRESETS
from augsearch.study.schema.tables import (
    BelowOne,
    Counts,
    ExistingFolder,
    Table,
    choose_by,
    unknown_choice,
)

SOURCE_PLUGINS = "augsearch.sources"
"""Entry point group of third-party sources: ``name = "package.module:SourceSubclass"``."""
FUNCTION_PATTERN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"


class AcganOptions(Table):
    """A class-conditional GAN with an auxiliary classifier (Odena et al. 2017)."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind"]})  # presets give the rest

    kind: Literal["acgan"]
    preset: str = "small-data"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on all numbers of filters."""
    latent_dim: Annotated[int, Field(ge=1)]
    latent_sd: Annotated[float, Field(gt=0)]
    embedding_dim: Annotated[int, Field(ge=1)]
    generator_filters: Counts
    generator_kernel: Annotated[int, Field(ge=2, le=9)]
    discriminator_filters: Counts
    discriminator_kernel: Annotated[int, Field(ge=2, le=9)]
    discriminator_norm: Literal["batch", "spectral"]
    dropout: BelowOne
    loss: Literal["cross-entropy", "hinge"]
    generator_learning_rate: Annotated[float, Field(gt=0)]
    discriminator_learning_rate: Annotated[float, Field(gt=0)]
    betas: Annotated[tuple[BelowOne, BelowOne], Field(strict=False)]
    batch_size: Annotated[int, Field(ge=2)]
    iterations: Annotated[int, Field(ge=1)]
    moving_average: BelowOne
    """Decay of the exponential moving average of the generator; 0 is off."""
    augment: Annotated[
        tuple[Literal["brightness", "contrast", "translation", "flip"], ...], Field(strict=False)
    ]
    """Differentiable augmentation of real and synthetic images alike, in the discriminator."""
    balanced_batches: bool
    """Draw real batches uniform over the classes; else uniform over the images: then a rare class
    is seldom seen as real beside its synthetic images, and the label gives the source away."""
    snapshot: Literal["last", "best"]
    """"best": of the snapshots that have not collapsed, the one whose images alone train the head
    that scores best on tuning images."""
    snapshot_every: Annotated[int, Field(ge=1)] = 500
    checkpoint_every: Annotated[int, Field(ge=1)] = 250

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = given.get("preset", "small-data")
        if not isinstance(preset, str) or preset not in ACGAN_PRESETS:
            raise unknown_choice("preset", ACGAN_PRESETS)
        return ACGAN_PRESETS[preset] | given


class ClassicOptions(Table):
    """Classic augmentation of real training images; names as in torchvision."""

    kind: Literal["classic"]
    horizontal_flip: bool = True
    vertical_flip: bool = False
    degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    translate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest shift as a fraction of the image's side."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of size: 0.1 draws from 0.9 to 1.1."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0


class RepeatOptions(Table):
    """The real training images again: the control for more optimiser steps."""

    kind: Literal["repeat"]


class FolderOptions(Table):
    """Images made elsewhere, one folder per class, named like the classes of the data."""

    kind: Literal["folder"]
    path: ExistingFolder


class CallableOptions(Table):
    """A Python function that gives the images: "package.module:function"."""

    kind: Literal["callable"]
    function: Annotated[str, Field(pattern=FUNCTION_PATTERN)]
    options: dict[str, Any] = Field({})


_BUILT_IN_SOURCES = ("acgan", "classic", "repeat", "folder", "callable")


class PluginOptions(Table):
    """A source that another package registers under the entry point group augsearch.sources."""

    kind: Annotated[str, Field(json_schema_extra={"not": {"enum": list(_BUILT_IN_SOURCES)}})]
    options: dict[str, Any] = Field({})


def _known_plugin(value: Any) -> Any:
    """Look at the kind before the other keys, which would all be unknown to a misspelt one."""
    kind = value["kind"] if isinstance(value, dict) else value.kind
    plugins = entry_points(group=SOURCE_PLUGINS).names
    if not isinstance(kind, str) or kind not in plugins:
        raise unknown_choice("kind", (*_BUILT_IN_SOURCES, *sorted(plugins)))
    return value


SourceOptions = Annotated[
    Annotated[AcganOptions, Tag("acgan")]
    | Annotated[ClassicOptions, Tag("classic")]
    | Annotated[RepeatOptions, Tag("repeat")]
    | Annotated[FolderOptions, Tag("folder")]
    | Annotated[CallableOptions, Tag("callable")]
    | Annotated[PluginOptions, BeforeValidator(_known_plugin), Tag("plugin")],
    choose_by("kind", *_BUILT_IN_SOURCES, other="plugin"),
]

TRAINED = (AcganOptions,)
"""Sources that are trained for minutes or hours: generators. A new one's options belong here."""
