"""Peak memory of a pool's way from its source to the heads, against the number of images.

    python benchmarks/memory.py [--images 1000 4000 16000] [--side 224]

Each number of images is a process of its own. Images of side x side x 3 bytes are made, stored in
a pool on disk, read back, turned into 1,024 features each, and gathered in the bank that heads are
trained on. A stand-in that costs nothing takes the network's place: what a network holds does not
depend on how many images go through it. The disk needs side x side x 3 bytes an image.

"beyond the start" is what the process grew by. Of that the bank, 4,160 bytes an image, has to be
in memory; the rest are chunks of pixels on their way. n = 1,000 at K = 100 are 100,000 images:
``--images 100000`` takes some minutes and 15 GB of disk.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import record, table
from numpy.typing import NDArray

from augsearch.classifiers.base import Backbone
from augsearch.sources.base import Pool

FEATURES = 1024


class Stamped(Pool):
    """One block of noise, every image with its own number in the corner."""

    def __init__(self, side: int) -> None:
        self._block = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), dtype=np.uint8)

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        images = self._block[: stop - start].copy()
        numbers = np.arange(start, stop, dtype="<u4")
        images.reshape(len(images), -1)[:, :4] = numbers.view(np.uint8).reshape(-1, 4)
        return images


class Corner(Backbone):
    """The first pixels as features."""

    fingerprint = "corner"

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return images.reshape(len(images), -1)[:, :FEATURES].astype(np.float32)


def megabytes() -> float:
    """Return the largest resident size so far, mapped files included, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def stream(count: int, side: int) -> dict[str, float]:
    """Send images through, and return the memory before and at the peak."""
    from augsearch.classifiers.frozen.feature_bank import FeatureBank
    from augsearch.classifiers.frozen.feature_store import FeatureStore
    from augsearch.events import silent
    from augsearch.records import Portion, TrainingSet
    from augsearch.seeds import Seed
    from augsearch.sources.pools.store import PoolStore

    importlib.import_module("torchvision")  # a run has loaded it by then
    start = megabytes()
    with tempfile.TemporaryDirectory() as folder:
        covering = PoolStore(Stamped(side), Path(folder) / "pool").blocks(0, 0, count)
        portions = [Portion(block, rows, np.zeros(len(rows), np.int64)) for block, rows in covering]
        cell = TrainingSet(tuple(portions), 2, Seed.of(0))
        store = FeatureStore(Corner(), Path(folder) / "features")
        bank = FeatureBank(store, [cell], silent).with_ones()
    return {"images": count, "start": start, "peak": megabytes(), "bank": bank.nbytes / 1e6}


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 4000, 16000])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(stream(options.one, options.side)))
        return
    points = []
    for count in options.images:
        command = [sys.executable, __file__, "--one", str(count), "--side", str(options.side)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        points.append(json.loads(done.stdout))
    rows = [
        [p["images"], p["images"] * options.side**2 * 3 / 1e6, p["peak"], p["peak"] - p["start"],
         p["bank"]]
        for p in points
    ]  # fmt: skip
    print(table(["images", "pixels (MB)", "peak (MB)", "beyond the start", "bank (MB)"], rows))
    # The bank is made after the pixels are gone; at worst all of it comes on top.
    most = max(p["peak"] for p in points) + 1e5 * points[-1]["bank"] / points[-1]["images"]
    print(f"100,000 images: at most {most:,.0f} MB")
    print(record("memory", {"side": options.side, "points": points, "MB at 100,000": most}))


if __name__ == "__main__":
    main()
