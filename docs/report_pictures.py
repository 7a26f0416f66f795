"""Make the pictures of a report that docs/radiographs.md shows: light, dark, a page of its PDF.

    python docs/report_pictures.py RUN

The light one begins with the verdict, the dark one with the table of arms. None reaches the images
of the study, whose licence may not allow it. Needs Chromium, and poppler-utils for the page.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from browser import chromium, shrink
from playwright.sync_api import Browser

HERE = Path(__file__).parent
WIDTH, HEIGHT, MARGIN = 1040, 1450, 24
DPI = 72


def main() -> None:
    report = Path(sys.argv[1]).resolve() / "report.html"
    with chromium() as browser:
        on_screen(browser, report, "light", "h1")
        on_screen(browser, report, "dark", "h2:text('Arms')")
        page_of_pdf(browser, report)


def on_screen(browser: Browser, report: Path, scheme: Literal["light", "dark"], first: str) -> None:
    """Picture the report from an element on."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
    page.goto(report.as_uri())
    picture = HERE / f"effusion-{scheme}.png"
    box = page.locator(first).first.bounding_box()
    top = max(0.0, (box["y"] if box else 0.0) - MARGIN)
    area = {"x": 0.0, "y": top, "width": WIDTH, "height": HEIGHT}
    page.screenshot(path=picture, clip=area, full_page=True)
    page.close()
    shrink(picture)


def page_of_pdf(browser: Browser, report: Path) -> None:
    """Picture the page of the printed report that the first search begins on."""
    page = browser.new_page()
    page.goto(report.as_uri())
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        page.pdf(path=pdf, format="A4")
        page.close()
        number = str(page_with(pdf, "Search of arm"))
        places = ["-f", number, "-l", number, "-r", str(DPI), "-png", "-singlefile"]
        subprocess.run(["pdftoppm", *places, str(pdf), str(HERE / "effusion-pdf")], check=True)
    shrink(HERE / "effusion-pdf.png")


def page_with(pdf: Path, words: str) -> int:
    """Return the number of the first page, from 1, that holds some words."""
    text = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True)
    pages = text.stdout.split("\f")
    return next(number for number, page in enumerate(pages, start=1) if words in page)


if __name__ == "__main__":
    main()
