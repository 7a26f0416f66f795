"""Make the README's pictures from a finished quickstart: `make docs`.

    python docs/pictures.py RUN

The picture of the report needs Chromium on the PATH (`chromium` or `google-chrome`).
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent


def main() -> None:
    run = Path(sys.argv[1]).resolve()
    shutil.copy(run / "figures" / "search-search.svg", HERE / "quickstart-search.svg")
    newest = sorted(run.glob("artifacts/source-acgan-fold0/samples/*.png"))[-1]
    with Image.open(newest) as picture:
        double = (picture.width * 2, picture.height * 2)
        picture.resize(double, Image.Resampling.NEAREST).save(HERE / "quickstart-samples.png")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no Chromium on the PATH: docs/quickstart-report.png was left as it is")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--disable-background-networking", "--no-first-run", "--disable-sync"),
                f"--user-data-dir={profile}",
                "--window-size=1050,1600",
                f"--screenshot={HERE / 'quickstart-report.png'}",
                (run / "report.html").as_uri(),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    main()
