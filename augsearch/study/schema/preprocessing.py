"""images.preprocess: what is done to an image before it is brought to the study's size.

`data.preprocessing` does it, and says there what each step does to the pixels.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from augsearch.study.schema.tables import Fraction, Table, choose_by, or_else

_WITH_DEFAULTS = ("normalise", "denoise", "crop")
_WORDS = (*_WITH_DEFAULTS, "resize")

Side = Annotated[int, Field(ge=8, le=1024)]
ResizeMethod = Literal["bicubic", "bilinear", "area"]


class NormaliseStep(Table):
    """Stretch each image's own range to black .. white."""

    step: Literal["normalise"]
    cut: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Fraction of the pixels that becomes black, and as many white; 0: the extremes alone do."""


class DenoiseStep(Table):
    """Remove bright specks and threads by erosion, then dilation (a grey opening), with a disk."""

    step: Literal["denoise"]
    radius: Annotated[int, Field(ge=1, le=10)] = 1
    """Of the disk, in pixels of the image as it is then; what it does not fit into goes."""


class CropStep(Table):
    """Cut out the upright box around the largest bright region, its holes counted in."""

    step: Literal["crop"]
    threshold: Annotated[
        Literal["otsu"] | Fraction,
        or_else("must be 'otsu' or a number greater than 0 and less than 1", "otsu"),
    ] = 0.18
    """What is brighter is a region: a fraction from the darkest to the brightest, or Otsu's."""
    margin: Annotated[float, Field(ge=0, le=1)] = 0.0
    """What is kept around the box on each side, as a fraction of its height and width."""


class ResizeStep(Table):
    """Bring the image to a square on the way; the aspect ratio is not kept."""

    step: Literal["resize"]
    size: Side
    """Height and width in pixels."""
    method: ResizeMethod = "bicubic"
    """How pixels between pixels are found."""


def _as_table(step: Any) -> Any:
    if isinstance(step, dict | Table):
        return step
    if step in _WORDS:
        return {"step": step}
    known = ", ".join(_WORDS)
    rule = f'must be one of {known} in quotes, or a table, {{step = "crop"}},'
    raise PydanticCustomError("rule", "{rule}", {"rule": rule, "known": known})


class _OrItsWord:
    """Adds the short form to the JSON Schema of a step."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": list(_WITH_DEFAULTS)}, handler(schema)]}


PreprocessStep = Annotated[
    Annotated[NormaliseStep, Tag("normalise")]
    | Annotated[DenoiseStep, Tag("denoise")]
    | Annotated[CropStep, Tag("crop")]
    | Annotated[ResizeStep, Tag("resize")],
    choose_by("step", *_WORDS),
    BeforeValidator(_as_table),
    _OrItsWord(),
]
"""A table, or as short form its word alone: "crop" is {step = "crop"}. "resize" needs its size."""
