"""What every image of a page really is: kept in the run directory, never in the page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PAGE_ID = r"[0-9a-f]{12}"

Origin = Literal["real", "synthetic"]


class Strict(BaseModel):
    """A JSON object without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Truth(Strict):
    """One image: its class, whether it is real, and where it comes from."""

    class_name: Annotated[str, Field(alias="class")]
    origin: Origin
    place: str
    """The name of a real image; source, fold and number of a synthetic one."""


class Key(Strict):
    """The key of a page: the truth of each image by its id, in the order of the page."""

    page: Annotated[str, Field(pattern=f"^{PAGE_ID}$")]
    classes: tuple[str, ...] = Field(strict=False)
    images: dict[str, Truth]
