"""How long a command takes before it does anything, in turns with a bare Python.

    python benchmarks/startup.py [--repeats 5]

Measured from the start of the process to its end: ``augsearch --help`` (goal: under 0.3 s) and
``augsearch check`` on 600 images of 128 x 128 pixels in class folders, with the study file that
``augsearch init`` writes for them (an ACGAN, a frozen DenseNet-121, here with random weights so
that nothing is downloaded; goal: under 3 s): the first time on a machine, when it measures both
networks, and again on the same day, when it knows. Python keeps its bytecode, as it does unless it
is told not to.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measure import interleaved, record, table
from PIL import Image

from augsearch.data.demo import draw_demo
from augsearch.data.scaffold import scaffold_study
from augsearch.files import write_text
from augsearch.seeds import Seed

IMAGES, SIZE = 600, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds; the median counts")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory(prefix="augsearch-startup-") as name:
        study = make_study(Path(name))
        augsearch = [sys.executable, "-m", "augsearch"]
        check = [*augsearch, "check", str(study), "--quiet"]
        known = Path(name) / "known"
        run(check, known)
        again = {
            "python -c pass": partial(run, [sys.executable, "-c", "pass"], known),
            "augsearch --help": partial(run, [*augsearch, "--help"], known),
            f"augsearch check, {IMAGES} images, again": partial(run, check, known),
        }
        seconds = interleaved(again, repeats)
        # Behind the others: it is work for both processors, and a measurement made on an idle
        # machine is not taken for a busy one.
        first = f"augsearch check, {IMAGES} images, the first time"
        caches = (Path(name) / f"cache-{number}" for number in itertools.count())
        seconds |= interleaved({first: lambda: run(check, next(caches))}, repeats)
    print(table(("command", "s"), list(seconds.items())))
    _, of_help, of_check, of_first = seconds.values()
    headline = [
        {"what": "`augsearch --help`", "augsearch": of_help, "unit": "s"},
        {
            "what": "`augsearch check`",
            "note": f"{IMAGES} images, again",
            "augsearch": of_check,
            "unit": "s",
        },
        {
            "what": "`augsearch check`",
            "note": f"{IMAGES} images, the first time",
            "augsearch": of_first,
            "unit": "s",
        },
    ]
    record("startup", {"seconds": seconds, "headline": headline})


def make_study(folder: Path) -> Path:
    """Draw the images and write their study file."""
    drawn = draw_demo(IMAGES, size=SIZE, channels=1, seed=Seed.of(1))
    for pixels, label, name in zip(drawn.pixels, drawn.labels, drawn.names, strict=True):
        path = folder / "images" / drawn.classes[label] / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(path)
    text = scaffold_study(folder / "images", relative_to=folder)
    study = folder / "images.toml"
    write_text(study, text.replace('weights = "imagenet"', 'weights = "random"'))
    return study


def run(command: list[str], cache: Path) -> None:
    """Run a command with this cache folder, and fail with what it said if it fails."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")


if __name__ == "__main__":
    main()
