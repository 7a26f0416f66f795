"""Make the pictures of README and documentation. Those of reports need Chromium.

python docs/pictures.py quickstart RUN                   the README's, of a finished quickstart
python docs/pictures.py section REPORT HEADING PICTURE   one part of a report.html
"""

import re
import sys
import tempfile
from pathlib import Path

from browser import chromium, shrink
from PIL import Image

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1050, 1600


def quickstart(run: Path) -> None:
    """Make the pictures that the README shows of a finished quickstart."""
    newest = sorted(run.glob("artifacts/source-acgan-fold0/samples/*.png"))[-1]
    with Image.open(newest) as picture:
        double = (picture.width * 2, picture.height * 2)
        picture.resize(double, Image.Resampling.NEAREST).save(HERE / "quickstart-samples.png")
    photograph(run / "report.html", HERE / "quickstart-report.png", HEIGHT)


def section(report: Path, heading: str, picture: Path) -> None:
    """Make a picture of what stands below a heading; an empty one stands for the page's top."""
    head, body = report.read_text(encoding="utf-8").split("<body>")
    start = f"<h2>{heading}</h2>" if heading else ""
    parts = re.split(r"(?=<h2>)", body)
    found = next((part for part in parts if part.startswith(start)), None)
    if found is None:
        sys.exit(f"{report} has no heading {heading!r}")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "section.html")
        page.write_text(f"{head}<body>{found}</body></html>", encoding="utf-8")
        photograph(page, picture)


def photograph(page: Path, picture: Path, height: int | None = None) -> None:
    """Let Chromium draw a page: all of it, or its top."""
    with chromium() as browser:
        view = browser.new_page(viewport={"width": WIDTH, "height": height or 100})
        view.goto(page.resolve().as_uri())
        view.screenshot(path=picture, full_page=height is None)
    shrink(picture)


def main() -> None:
    match sys.argv[1:]:
        case ["quickstart", run]:
            quickstart(Path(run))
        case ["section", report, heading, picture]:
            section(Path(report), heading, Path(picture))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
