"""Make the pictures of README and documentation.

    python docs/pictures.py quickstart RUN                   the README's, of a finished quickstart
    python docs/pictures.py section REPORT HEADING PICTURE   one part of a report.html

Pictures of reports need Chromium on the PATH (`chromium` or `google-chrome`).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

HERE = Path(__file__).parent


def quickstart(run: Path) -> None:
    """Make the pictures that the README shows of a finished quickstart."""
    shutil.copy(run / "figures" / "search-search.svg", HERE / "quickstart-search.svg")
    newest = sorted(run.glob("artifacts/source-acgan-fold0/samples/*.png"))[-1]
    with Image.open(newest) as picture:
        double = (picture.width * 2, picture.height * 2)
        picture.resize(double, Image.Resampling.NEAREST).save(HERE / "quickstart-samples.png")
    photograph(run / "report.html", HERE / "quickstart-report.png", 1600)


def section(report: Path, heading: str, picture: Path) -> None:
    """Make a picture of what stands below a heading; an empty one stands for the page's top."""
    text = report.read_text(encoding="utf-8")
    head, body = text.split("<body>")
    parts = re.split(r"(?=<h2>)", body)
    start = f"<h2>{heading}</h2>" if heading else ""
    found = next((part for part in parts if part.startswith(start)), None)
    if found is None:
        sys.exit(f"{report} has no heading {heading!r}")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "section.html")
        page.write_text(f"{head}<body>{found}</body></html>", encoding="utf-8")
        photograph(page, picture, 2400)
    with Image.open(picture) as whole:
        white = Image.new(whole.mode, whole.size, whole.getpixel((0, 0)))
        box = ImageChops.difference(whole, white).convert("RGB").getbbox()
        cut = whole.crop((0, 0, whole.width, (box[3] if box else 0) + 12))
    cut.convert("P", palette=Image.Palette.ADAPTIVE).save(picture, optimize=True)


def photograph(page: Path, picture: Path, height: int) -> None:
    """Let Chromium draw the top of a page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit(f"no Chromium on the PATH: {picture} was left as it is")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--disable-background-networking", "--no-first-run", "--disable-sync"),
                f"--user-data-dir={profile}",
                f"--window-size=1050,{height}",
                f"--screenshot={picture.resolve()}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )


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
