"""A search over K = 1..26: augsearch against the loop that a user would write.

    python benchmarks/sweep.py [--device cuda] [--multiples 26]

Both search the same: 304 real training images of 56 x 56 pixels (grey, two classes), K - 1 times as
many added ones, a frozen DenseNet-121 (random weights), a softmax head trained for 100 epochs in
batches of 8 by Adam, one training per K, scored by its AUC on 200 tuning images.

augsearch runs in full, from images in memory to 26 scores: features once per image, then all heads.
The plain loop (plain_loop.py) forwards every image in every epoch: 304 · (1 + ... + 26) · 100 =
10.7 million forward passes, and 200 more per K to score. Nobody waits for that. It is timed over
some steps for the smallest and the largest K, in turns, and multiplied by the exact number of
steps: every batch is full (304 = 38 · 8), so every step costs the same. The table says which is
which.

That both find the same is shown where both run in full: 48 images, K = 1..3, 5 epochs. There the
AUCs are compared K by K, with augsearch in float32 and in what it takes by itself (bf16 where the
processor has it).
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from measure import interleaved, record, table
from plain_loop import train_plainly
from torch import Tensor, nn

from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.frozen.classifier import FrozenClassifier
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.classifiers.torchvision_networks import headless
from augsearch.data.demo import draw_demo
from augsearch.device import pick_device
from augsearch.evaluation.metrics import auc
from augsearch.records import ImageBlock, LabelledImages, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

NETWORK, SIZE, N, TUNING, MULTIPLES = "densenet121", 56, 304, 200, 26
SMALL_N, SMALL_MULTIPLES, SMALL_OPTIONS = 48, 3, AdamHead(epochs=5, learning_rate=1e-3)
OPTIONS = AdamHead()
PLAIN_STEPS = 10
SEED = Seed.of(0, "sweep")


class Task:
    """Images of a search: training images and pool as one row, of which K takes the first n · K."""

    def __init__(self, n: int, multiples: int, device: str) -> None:
        self.n, self.amounts, self.device = n, range(1, multiples + 1), device
        self.images = draw(n * multiples, "train")
        self.tuning = draw(TUNING, "tune")
        found = headless(NETWORK, "random", SEED.child("network"))
        self.n_features, self._transform = found.n_features, found.transform
        self.backbone: nn.Module = found.body.requires_grad_(False).eval().to(device)

    def cell_seed(self, multiple: int) -> Seed:
        return SEED.child("cell", multiple)

    def training_sets(self) -> list[TrainingSet]:
        """Return what augsearch is given: the real images, and the pool as one block more."""
        real = Portion.whole(part_of(self.images, 0, self.n))
        pool = Portion.whole(part_of(self.images, self.n, len(self.images)))
        sets = []
        for multiple in self.amounts:
            rows = np.arange(self.n * (multiple - 1))
            added = Portion(pool.block, rows, pool.labels[rows])
            sets.append(TrainingSet((real, added), 2, self.cell_seed(multiple)))
        return sets

    def seen(self, images: LabelledImages) -> tuple[Tensor, Tensor]:
        """Return what the plain loop is given: normalised pixels and labels, on the device."""
        pixels = torch.from_numpy(images.pixels).permute(0, 3, 1, 2)
        inputs = self._transform(pixels).contiguous()
        return inputs.to(self.device), torch.from_numpy(images.labels).to(self.device)


def draw(count: int, name: str) -> LabelledImages:
    return draw_demo(count, size=SIZE, channels=1, seed=SEED.child(name))


def part_of(images: LabelledImages, start: int, stop: int) -> LabelledImages:
    return LabelledImages(
        images.pixels[start:stop], images.labels[start:stop], images.groups[start:stop],
        images.names[start:stop], images.classes,
    )  # fmt: skip


def search(
    task: Task, options: AdamHead, precision: Literal["auto", "float32"]
) -> tuple[list[float], dict[str, float]]:
    """Return augsearch's AUC per K and the seconds of its stages."""
    marks = [time.perf_counter()]
    backbone = TorchvisionBackbone(
        NETWORK, "random", seed=SEED.child("network"), input_size=SIZE, device=task.device,
        precision=precision,
    )  # fmt: skip
    sets = task.training_sets()
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(backbone, Path(folder))
        marks.append(time.perf_counter())
        tuning = ImageBlock.of(task.tuning.pixels)
        store.make([*{p.block.key: p.block for s in sets for p in s.portions}.values(), tuning])
        marks.append(time.perf_counter())
        fitted = FrozenClassifier(store, options, device=task.device).fit(sets)
        marks.append(time.perf_counter())
        scores = np.stack([model.predict_proba(tuning)[:, 1] for model in fitted])
        found = auc(task.tuning.labels, scores).tolist()
        marks.append(time.perf_counter())
    stages = ("network", "features", "heads", "scores")
    return found, dict(zip(stages, np.diff(marks).tolist(), strict=True))


def plain_search(task: Task, options: AdamHead) -> list[float]:
    """Return the plain loop's AUC per K, run in full."""
    inputs, labels = task.seen(task.images)
    tuning, _ = task.seen(task.tuning)
    found = []
    for multiple in task.amounts:
        n = task.n * multiple
        head = train_plainly(
            task.backbone, inputs[:n], labels[:n], task.n_features, options,
            task.cell_seed(multiple),
        )  # fmt: skip
        with torch.no_grad():
            margins = [head(task.backbone(batch)) for batch in tuning.split(options.batch_size)]
        scores = torch.cat(margins).diff().squeeze(1).cpu().numpy()
        found.append(float(auc(task.tuning.labels, scores)))
    return found


def plain_seconds(task: Task, options: AdamHead, repeats: int) -> dict[str, float]:
    """Time the plain loop for the smallest and largest K and work out the rest."""
    inputs, labels = task.seen(task.images)
    tuning, _ = task.seen(task.tuning)
    steps = PLAIN_STEPS * (10 if task.device != "cpu" else 1)

    def train(multiple: int) -> None:
        n = task.n * multiple
        train_plainly(
            task.backbone, inputs[:n], labels[:n], task.n_features, options,
            task.cell_seed(multiple), steps,
        )  # fmt: skip
        _wait(task.device)

    def score() -> None:
        with torch.no_grad():
            task.backbone(tuning[: options.batch_size])
        _wait(task.device)

    ends = {"smallest K": task.amounts[0], "largest K": task.amounts[-1]}
    tasks = {name: partial(train, multiple) for name, multiple in ends.items()}
    taken = interleaved({**tasks, "score": score}, repeats)
    per_step = [taken[name] / steps for name in tasks]
    forwards = task.n * sum(task.amounts) * options.epochs
    all_steps = -(-task.n // options.batch_size) * sum(task.amounts) * options.epochs
    scoring = taken["score"] * TUNING / options.batch_size * len(task.amounts)
    return {
        "forward_passes": forwards,
        "steps": all_steps,
        "ms_per_step_smallest_k": per_step[0] * 1e3,
        "ms_per_step_largest_k": per_step[1] * 1e3,
        "seconds_extrapolated": all_steps * float(np.mean(per_step)) + scoring,
    }


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def agreement(device: str) -> dict[str, Any]:
    """Run a small search in full both ways and compare AUCs."""
    task = Task(SMALL_N, SMALL_MULTIPLES, device)
    plain = plain_search(task, SMALL_OPTIONS)
    exact, own = (search(task, SMALL_OPTIONS, precision)[0] for precision in ("float32", "auto"))
    rows = [[k, *aucs] for k, *aucs in zip(task.amounts, plain, exact, own, strict=True)]
    print("Both in full (48 images, 5 epochs): AUC per K\n")
    print(table(("K", "plain loop", "augsearch float32", "augsearch"), rows), "\n")
    return {
        "plain": plain,
        "augsearch_float32": exact,
        "augsearch": own,
        "largest_difference_float32": largest(plain, exact),
        "largest_difference": largest(plain, own),
    }


def largest(these: Sequence[float], those: Sequence[float]) -> float:
    return float(np.abs(np.subtract(these, those)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--multiples", type=int, default=MULTIPLES)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    device = pick_device(given.device)
    agreed = agreement(device)
    search(Task(SMALL_N, 1, device), AdamHead(epochs=1), "auto")  # warm
    task = Task(N, given.multiples, device)
    plain = plain_seconds(task, OPTIONS, given.repeats)
    found, stages = search(task, OPTIONS, "auto")
    seconds = sum(stages.values())
    ratio = plain["seconds_extrapolated"] / seconds
    rows = [
        ["plain loop", "extrapolated from its steps", plain["seconds_extrapolated"], 1.0],
        ["augsearch", "measured in full", seconds, ratio],
        *([f"  {stage}", "measured", taken, ""] for stage, taken in stages.items()),
    ]
    print(table(("", f"n = {N}, K = 1..{given.multiples}", "seconds", "times faster"), rows))
    print(f"\n{plain['forward_passes']:,} forward passes, {plain['steps']:,} steps")
    facts = {
        "n": N, "multiples": given.multiples, "epochs": OPTIONS.epochs, "plain": plain,
        "augsearch": {"seconds": seconds, "stages": stages, "aucs": found},
        "times_faster": ratio, "agreement": agreed,
        "headline": [{
            "what": f"a search over K = 1..{given.multiples}, {N} images of {SIZE} px",
            "note": "the loop extrapolated from its steps", "augsearch": seconds,
            "other": plain["seconds_extrapolated"], "unit": "s", "ratio": ratio,
            "against": "a plain PyTorch loop",
        }],
    }  # fmt: skip
    print(record("sweep" if device == "cpu" else f"sweep-{device}", facts))


if __name__ == "__main__":
    main()
