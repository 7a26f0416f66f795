"""How time and memory of a search grow with the images, the amounts, their size and replicates.

    python benchmarks/scaling.py [--quick]

Every point is a process of its own that does what a notebook does: `find_optimal_multiple` over
K = 1 ... K_max of an `AugmentationScore`, on demo images. Held fixed: 200 tuning images, classic
augmentation as the source (every amount has images of its own, and nothing is trained to make
them), a frozen ResNet-18 with random weights, the default head (Adam, batches of 8, 100 epochs),
one replicate. What varies starts from n = 500 images (`--quick`: 400), K_max = 10, 32 x 32 pixels.

Time is that of the search, from images in memory to the answer; starting Python and all that is
loaded or compiled once is left out by a tiny search before it. Memory is the largest resident size
of the process (`getrusage`), mapped files that lie in the page cache included; what it was before
the search is shown beside it. Slopes are those of a straight line through log against log: 1 is
proportional.

What is to be done is counted for comparison: the n real images and the n (K_max - 1) added ones of
each of R replicates go through the network once; the heads take n K_max (K_max + 1) / 2 R
epochs / 8 steps. So the slope of the time should be 1 in n and replicates, between 1 (features)
and 2 (heads) in K_max, and rises to 2 with the image size where features are most of the time.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import record, table

if TYPE_CHECKING:
    from augsearch.records import LabelledImages

TUNE, EPOCHS, BATCH = 200, 100, 8


@dataclass(frozen=True)
class Point:
    """One search: training images, largest K, pixels a side, trainings per K."""

    images: int = 500
    amounts: int = 10
    size: int = 32
    replicates: int = 1

    @property
    def features(self) -> int:
        """Images that go through the network."""
        return TUNE + self.images * (1 + (self.amounts - 1) * self.replicates)

    @property
    def steps(self) -> int:
        """Steps of all heads."""
        sizes = (k * self.images for k in range(1, self.amounts + 1))
        return sum(-(-size // BATCH) for size in sizes) * EPOCHS * self.replicates


BASE, AXES = (
    Point(),
    {
        "images": (100, 300, 1000, 3000, 10000),
        "amounts": (10, 20, 50, 100),
        "size": (32, 64, 112, 224),
        "replicates": (1, 2, 5, 10),
    },
)
QUICK_BASE, QUICK_AXES = (
    Point(images=400),
    {
        "images": (200, 400, 800),
        "amounts": (5, 10, 20),
        "size": (32, 48, 64),
        "replicates": (1, 2, 4),
    },
)
NAMES = {"images": "n", "amounts": "K_max", "size": "pixels a side", "replicates": "replicates"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of a search against its size.")
    parser.add_argument("--quick", action="store_true", help="small points, about two minutes")
    parser.add_argument("--point", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point is not None:
        print(json.dumps(search(Point(**json.loads(options.point)))))
        return
    base, axes = (QUICK_BASE, QUICK_AXES) if options.quick else (BASE, AXES)
    facts: dict[str, Any] = {"quick": options.quick, "base": asdict(base)}
    known: dict[Point, dict[str, float]] = {}
    for axis, values in axes.items():
        facts[axis] = along(axis, [replace(base, **{axis: value}) for value in values], known)
    if options.quick:  # not what the README's table shows
        record("scaling-quick", facts)
    else:
        record("scaling", facts | {"headline": [growth(axis, facts[axis]) for axis in axes]})


def along(axis: str, points: list[Point], known: dict[Point, dict[str, float]]) -> dict[str, Any]:
    """Measure the points of one axis, print them, and return them with their slopes."""
    for point in points:
        if point not in known:
            known[point] = in_process_of_its_own(point)
    measured = [known[point] for point in points]
    values = [getattr(point, axis) for point in points]
    slopes = {
        name: slope(values, [one[name] for one in measured]) for name in ("seconds", "peak_mb")
    }
    header = (NAMES[axis], "features", "head steps", "s", "peak, MB", "before, MB")
    rows = [
        (value, point.features, point.steps, one["seconds"], one["peak_mb"], one["before_mb"])
        for value, point, one in zip(values, points, measured, strict=True)
    ]
    rows.append(("slope", "", "", slopes["seconds"], slopes["peak_mb"], ""))
    print(f"\n{table(header, rows)}", flush=True)
    return {"values": values, "measured": measured, "slopes": slopes}


def slope(x: list[int], y: list[float]) -> float:
    """Return the slope of log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def growth(axis: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the README's table: the last point, and how the time grew towards it."""
    first, last = facts["values"][0], facts["values"][-1]
    slopes = facts["slopes"]
    return {
        "what": f"a search, {NAMES[axis]} {first:,} to {last:,}",
        "note": f"slope of time {slopes['seconds']:.2f}, of memory {slopes['peak_mb']:.2f}",
        "augsearch": facts["measured"][-1]["seconds"],
        "unit": "s",
    }


def in_process_of_its_own(point: Point) -> dict[str, float]:
    """Run a point where nothing but itself is measured."""
    # This process stays small: on Linux a child starts from its parent's largest resident size.
    command = [sys.executable, __file__, "--point", json.dumps(asdict(point))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{point} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def search(point: Point) -> dict[str, float]:
    """Search once and return seconds, the largest resident size in MB, and that before it."""
    from augsearch.data.demo import draw_demo
    from augsearch.seeds import Seed

    drawn = draw_demo(point.images + TUNE, size=point.size, channels=1, seed=Seed.of(0))
    tried(drawn, Point(images=24, amounts=2))  # loads and compiles all that is needed
    before = resident_mb()
    start = time.perf_counter()
    tried(drawn, point)
    return {
        "seconds": time.perf_counter() - start,
        "peak_mb": resident_mb(),
        "before_mb": before,
    }


def tried(drawn: "LabelledImages", point: Point) -> None:
    """Search as a notebook does, with the first images for tuning and those after for training."""
    from augsearch import AugmentationScore, find_optimal_multiple
    from augsearch.study.schema.classifier import FrozenOptions

    train = slice(TUNE, TUNE + point.images)
    score = AugmentationScore(
        (drawn.pixels[train], drawn.labels[train]),
        (drawn.pixels[:TUNE], drawn.labels[:TUNE]),
        source="classic",
        classifier=FrozenOptions(backbone="resnet18", weights="random"),
        replicates=point.replicates,
    )
    found = find_optimal_multiple(score, window=point.amounts, max_multiple=point.amounts)
    if len(found.history) != point.amounts or found.score is None:
        raise SystemExit(f"the search must try K = 1 to {point.amounts} but gave {found}")


def resident_mb() -> float:
    """Return the largest resident size of this process so far, in MB."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 1e6 if sys.platform == "darwin" else largest * 1024 / 1e6


if __name__ == "__main__":
    main()
