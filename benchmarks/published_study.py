"""The whole study of Kong et al. 2022, from one file to its report, timed by stage.

    python benchmarks/published_study.py [--quick]

It is studies/kong2022.toml at its published lengths (30,000 iterations of the ACGAN, heads of 100
epochs) on the drawn images that the file names, with these changes: random weights of the backbone
(nothing is downloaded), no MLflow, 5 replicates, and for the arm that adds the GAN's images all of
K = 1 ... 26, which is where the paper's search stopped; the arm of classic augmentation searches no
further than that, either. What is timed is the command `augsearch run`, Python's start included.
What it says is passed on with the second that it was said at: if a time limit ends this, one knows
how far it came.

`--quick` shortens training and search to some seconds on two cores, and keeps nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import record, table

from augsearch.device import pick_device

PUBLISHED = Path(__file__).parents[1] / "studies" / "kong2022.toml"
MULTIPLES, REPLICATES = 26, 5
SEARCH = 'search = {source = "acgan", rule = "sliding-window", window = 12}'
CLASSIC = 'search = {source = "classic", rule = "sliding-window", window = 12'


def changes(multiples: int) -> dict[str, str]:
    """Return what is replaced in the study file, and by what."""
    amounts = list(range(1, multiples + 1))
    return {
        'weights = "imagenet" ': 'weights = "random" ',
        'metric = "auc"': f'metric = "auc"\nreplicates = {REPLICATES}',
        SEARCH: f'search = {{source = "acgan", rule = "sweep", multiples = {amounts}}}',
        CLASSIC: f"{CLASSIC}, max_multiple = {multiples}",
        "[report]\n": "[tracking]\nenabled = false\n\n[report]\n",
    }


SHORTER = {
    "snapshot_every = 5000": "snapshot_every = 20\niterations = 20\nwidth = 0.1",
    "epochs = 100": "epochs = 2",
    "window = 12": "window = 1",
}


def substituted(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        if old not in text:
            raise SystemExit(f"{PUBLISHED.name} no longer holds {old!r}: adapt this benchmark.")
        text = text.replace(old, new)
    return text


def run(multiples: int, shorter: dict[str, str]) -> tuple[dict[str, Any], float]:
    """Run the study in a folder of its own; return its results.json and the command's seconds."""
    text = substituted(PUBLISHED.read_text(encoding="utf-8"), changes(multiples) | shorter)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / PUBLISHED.name
        file.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "augsearch", "run", str(file), "--json"]
        start, answer = time.perf_counter(), Path(folder) / "answer.json"
        with (
            answer.open("w") as output,
            subprocess.Popen(
                [*command, "--out", f"{folder}/run"],
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            ) as running,
        ):
            for line in running.stderr or ():
                print(f"{time.perf_counter() - start:6.1f} s  {line}", end="", flush=True)
        seconds = time.perf_counter() - start
        if running.returncode:
            raise SystemExit(f"augsearch run: code {running.returncode}")
        return json.loads(answer.read_text()), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="some seconds, no file")
    given = parser.parse_args()
    device = pick_device("auto")
    result, seconds = run(3 if given.quick else MULTIPLES, SHORTER if given.quick else {})
    rows = [[stage, taken] for stage, taken in result["seconds"].items()]
    print(table(("stage", "seconds"), [*rows, ["all", seconds]]))
    facts: dict[str, Any] = {
        "device": device,
        "seconds": seconds,
        "stages": result["seconds"],
        "verdict": result["verdict"],
        "headline": [
            {
                "what": "the study of Kong et al. 2022, from its file to the report",
                "note": f"30,000 iterations, K = 1..{MULTIPLES}, {REPLICATES} replicates",
                "augsearch": seconds,
                "unit": "s",
            }
        ],
    }
    if not given.quick:
        print(record("published_study", facts))


if __name__ == "__main__":
    main()
