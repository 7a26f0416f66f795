"""The page: images in random order under opaque ids, one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import io
import string
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from augsearch.reader.key import Key, Truth
from augsearch.records import content_key
from augsearch.seeds import Seed


@dataclass(frozen=True)
class Page:
    """A page for readers, and what it must not say.

    Attributes:
        html: The whole page.
        key: What every image is.
    """

    html: str
    key: Key


def make_page(
    title: str,
    classes: Sequence[str],
    pixels: NDArray[np.uint8],
    truths: Sequence[Truth],
    seed: Seed,
) -> Page:
    """Shuffle images and write the page that shows them.

    The same arguments give the same page. Order and ids cannot be worked out from the study's
    seed alone, because they also depend on the content of the images before they were shuffled.

    Args:
        title: What the page calls itself.
        classes: Class names, in the order of the buttons.
        pixels: uint8, (N, H, W, C), C is 1 or 3.
        truths: What each image is, N of them.
        seed: Decides order and ids.
    """
    salted = seed.child("page", content_key(pixels))
    page_id = f"{salted.child('id').integer():016x}"[-12:]
    order = salted.child("order").generator().permutation(len(pixels))
    numbers = salted.child("ids").generator().choice(1 << 32, len(pixels), replace=False)
    # Browsers put names that look like whole numbers first, whatever the order was.
    ids = [f"i{number:08x}" for number in numbers.tolist()]
    key = Key(
        page=page_id,
        classes=tuple(classes),
        images={name: truths[row] for name, row in zip(ids, order.tolist(), strict=True)},
    )
    images = [
        {"id": name, "src": png_uri(pixels[row])} for name, row in zip(ids, order, strict=True)
    ]
    return Page(_render(title, classes, page_id, images), key)


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image, (H, W, C), as the data URI of a PNG without compression or metadata.

    Compressed, real and synthetic images could be told apart by their lengths: generators tend to
    make smoother images. Like this all images of a page are equally long.
    """
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(axis=2) if pixels.shape[2] == 1 else pixels).save(
        file, format="PNG", compress_level=0
    )
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def class_keys(classes: Sequence[str]) -> list[str]:
    """Return the keyboard key of each class; "" where there are more classes than keys.

    Digits in order, or, where the classes are called by digits, the digits that they are. R and S
    answer the other question.

    Example:
        >>> class_keys(["clear", "fluid"]), class_keys(["0", "1"])
        (['1', '2'], ['0', '1'])
    """
    if all(len(name) == 1 and name in string.digits for name in classes):
        return list(classes)
    letters = [letter for letter in string.ascii_lowercase if letter not in "rs"]
    # Where some are numbers, digits would say one class and mean another.
    numbered = any(name.isdigit() for name in classes)
    keys = letters if numbered else [*"1234567890", *letters]
    return [*keys[: len(classes)], *[""] * (len(classes) - len(keys))]


def _render(
    title: str, classes: Sequence[str], page_id: str, images: Sequence[dict[str, str]]
) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    buttons = [
        {"name": name, "key": key} for name, key in zip(classes, class_keys(classes), strict=True)
    ]
    return environment.from_string(_resource("template.html")).render(
        title=title,
        total=len(images),
        data={"page": page_id, "classes": buttons, "images": images},
        style=Markup(_resource("style.css")),
        script=Markup(_resource("script.js")),
    )


def _resource(name: str) -> str:
    return (files("augsearch.reader") / name).read_text(encoding="utf-8")
