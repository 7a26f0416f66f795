"""Kill a small study with SIGKILL at random moments, many times, and compare the numbers.

    python benchmarks/kills.py --runs 20

Each run is killed once, at a moment drawn over the whole length of an undisturbed run (so that the
stages are hit in proportion to their length), started again, and must end with the results.json of
the undisturbed run, apart from times. Exit code 1 if one does not.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDY = """\
seed = 7
[images]
size = 16
[data]
kind = "demo"
train = 40
tune = 40
test = 200
[external]
kind = "demo"
site = "shifted"
test = 100
[split]
method = "given"
[sources.acgan]
kind = "acgan"
generator_filters = [32, 16]
discriminator_filters = [16, 32]
batch_size = 16
iterations = 300
snapshot_every = 100
checkpoint_every = 25
[classifier]
backbone = "densenet121"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.search]
search = {source = "acgan", window = 6}
[evaluation]
replicates = 2
test_replicates = 5
"""


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "augsearch", "run", "study.toml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path) -> dict:
    process = start(folder)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors)
    results = json.loads((folder / "runs/study/results.json").read_text())
    return {key: value for key, value in results.items() if key != "seconds"}


def killed_at(folder: Path, moment: float) -> str | None:
    """Kill a run after `moment` seconds; return the stage that it was in, None if it was done."""
    process = start(folder)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    if process.returncode != -signal.SIGKILL:
        return None
    stages = [line for line in errors.splitlines() if line.startswith("stage: ")]
    return stages[-1].removeprefix("stage: ") if stages else "start"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        folders = [base / str(number) for number in range(options.runs + 1)]
        for folder in folders:
            folder.mkdir()
            (folder / "study.toml").write_text(STUDY)
        started = time.monotonic()
        expected = finish(folders[0])
        length = time.monotonic() - started
        print(f"undisturbed: {length:.1f} s, K = {expected['arms']['search']['multiple']:g}")
        same = 0
        for number, folder in enumerate(folders[1:], 1):
            stage, moment = None, 0.0
            while stage is None:  # a run that was done before its kill is tried again
                shutil.rmtree(folder / "runs", ignore_errors=True)
                moment = moments.uniform(0, length)
                stage = killed_at(folder, moment)
            equal = finish(folder) == expected
            same += equal
            outcome = "same" if equal else "DIFFERENT"
            print(f"{number:3} killed at {moment:5.1f} s in {stage}: {outcome}", flush=True)
        print(f"{same} of {options.runs} runs ended with the numbers of the undisturbed run")
    sys.exit(same != options.runs)


if __name__ == "__main__":
    main()
