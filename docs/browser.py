"""Chromium without a window, for the pictures of the documentation."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

COLOURS = 256


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium, or Playwright's; ends the program if there is neither."""
    installed = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=installed, args=["--no-sandbox", "--disable-background-networking"]
            )
        except Exception as error:
            sys.exit(f"no Chromium could be started, so no pictures were made: {error}")
        with browser:
            yield browser


def shrink(picture: Path) -> None:
    """Keep a picture in few colours: a page of text and plots needs no more."""
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=0)
    few.save(picture, optimize=True)
