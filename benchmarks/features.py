"""Images per second through a frozen DenseNet-121: augsearch's whole path, and a tight loop.

    python benchmarks/features.py [--quick] [--sides 56 112 224] [--device cuda]

The tight loops are the ceilings: the same network, its inputs ready in memory and of the right
type, nothing kept. "float32" is contiguous, "channels_last" is float32 too, "bf16" is channels_last
with all weights in bfloat16. On a GPU the last two are one CUDA graph each, and float32 is not cut
to TF32: launched one by one, kernels of small images take longer to start than to run, and that
would be no ceiling; "float32" is what torch does by itself there. augsearch's path starts from grey
images and ends with features in files:

    stored     a pool on disk, of the network's size
    resized    a pool on disk, 8/7 of the network's size
    PNG files  a folder of PNG files, which first become a pool on disk

Each is given as a share of the tight loop of its precision. Medians of timings that are taken in
turns; a busy machine makes all of them slow, small batches most.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import interleaved, record, table
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from augsearch.classifiers.captured import Captured
from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.classifiers.network_inputs import batch_size
from augsearch.classifiers.torchvision_networks import headless
from augsearch.device import Precision, has_bf16, pick_device
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool
from augsearch.sources.folder import FolderSource
from augsearch.sources.pools.store import PoolStore
from augsearch.study.schema.sources import FolderOptions

NAME, SEED = "densenet121", Seed.of(0)
IMAGES = {56: 512, 112: 192, 224: 64}
"""Images of a timing, by side."""
GPU_FACTOR = 16
"""A GPU gets so many times more images: whole batches of it."""
PNG_FILES = 512
"""At most so many files are decoded: on a GPU all else is a hundred times faster."""
Task = Callable[[], object]


class Ready(Pool):
    """Images in memory."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        return self._pixels[start:stop]

    def size(self, label: int) -> int:
        return len(self._pixels)


def pictures(count: int, side: int) -> NDArray[np.uint8]:
    """Return smooth grey images; noise would make PNG files larger than radiographs are."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    frames = [np.asarray(Image.fromarray(one).resize((side, side))) for one in coarse]
    return np.stack(frames)[..., None]


def loop(
    side: int, count: int, dtype: torch.dtype, layout: torch.memory_format, device: str
) -> Task:
    """Return a tight loop over batches that are ready."""
    network: nn.Module = headless(NAME, "random", SEED).body.requires_grad_(False).eval()
    network = network.to(device, dtype).to(memory_format=layout)
    batch = batch_size(side, device)
    ready = torch.rand(batch, 3, side, side).to(device, dtype).contiguous(memory_format=layout)
    as_graph = device == "cuda" and layout is torch.channels_last
    forward = Captured(network) if as_graph else network

    @torch.inference_mode()
    def run() -> None:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=False, allow_tf32=not as_graph
        ):
            features = [forward(ready) for _ in range(count // batch)]
            features[-1].float().cpu()

    return run


def path(pool: Pool, side: int, precision: Precision, device: str, folder: Path) -> Task:
    """Return augsearch's path from a pool; what it has written is forgotten at every call."""
    backbone = TorchvisionBackbone(
        NAME, "random", seed=SEED, input_size=side, precision=precision, device=device
    )
    stored = isinstance(pool, Ready)

    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            pools = folder / f"pool-{id(pool)}" if stored else Path(fresh)
            covering = PoolStore(pool, pools).blocks(0, 0, pool.size(0) or 0)
            FeatureStore(backbone, Path(fresh) / "features").make(block for block, _ in covering)

    return run


def png_files(pixels: NDArray[np.uint8], folder: Path) -> Pool:
    """Write some of the images as PNG files and return the pool of their folder."""
    for name in ("0", "1"):
        (folder / "png" / name).mkdir(parents=True)
    for number, image in enumerate(pixels[:PNG_FILES]):
        Image.fromarray(image[..., 0]).save(folder / "png" / "0" / f"{number}.png")
    labels = np.zeros(1, dtype=np.int64)
    train = LabelledImages(pixels[:1], labels, labels, ("0",), ("0", "1"))
    source = FolderSource(FolderOptions(kind="folder", path=folder / "png"))
    (folder / "source").mkdir()
    return source.fit(train, FitContext("png", 0, SEED, folder / "source"))


def tasks_of(side: int, count: int, device: str, folder: Path) -> dict[str, Task]:
    """Return what is timed at one size, by name: all with `count` images but the PNG files."""
    cpu, last = torch.contiguous_format, torch.channels_last
    tasks = {
        "float32": loop(side, count, torch.float32, cpu, device),
        "channels_last": loop(side, count, torch.float32, last, device),
    }
    precisions: list[tuple[Precision, str]] = [("float32", "channels_last")]
    if has_bf16(device):
        tasks["bf16"] = loop(side, count, torch.bfloat16, last, device)
        precisions.append(("bf16", "bf16"))
    pixels, larger = pictures(count, side), pictures(count, side * 8 // 7)
    pools = {
        "stored": Ready(pixels),
        "resized": Ready(larger),
        "PNG files": png_files(pixels, folder),
    }
    for precision, ceiling in precisions:
        for name, pool in pools.items():
            tasks[f"{name} / {ceiling}"] = path(pool, side, precision, device, folder)
    return tasks


def measure(device: str, side: int, quick: bool) -> list[dict[str, Any]]:
    """Return one row per task at a size."""
    count = IMAGES[side] * (1 if device == "cpu" else GPU_FACTOR) // (4 if quick else 1)
    with tempfile.TemporaryDirectory() as folder:
        taken = interleaved(tasks_of(side, count, device, Path(folder)), 3 if quick else 5)
    rows: list[dict[str, Any]] = []
    counts = {name: min(count, PNG_FILES) if "PNG" in name else count for name in taken}
    rates = {name: counts[name] / seconds for name, seconds in taken.items()}
    for name, rate in rates.items():
        kind, _, ceiling = name.partition(" / ")
        share = rate / rates[ceiling] if ceiling else None
        rows.append(
            {
                "side": side,
                "what": f"augsearch, {kind}" if ceiling else "tight loop",
                "network": ceiling or kind,
                "images per second": rate,
                "share of the loop": share,
            }
        )
    return rows


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--quick", action="store_true", help="a quarter of the work, no file")
    parser.add_argument("--sides", type=int, nargs="+", default=list(IMAGES), choices=IMAGES)
    options = parser.parse_args()
    device = pick_device(options.device)
    rows: list[dict[str, Any]] = []
    for side in options.sides:
        rows += measure(device, side, options.quick)
        if not options.quick:  # after each, in case that a time limit ends this
            rows.sort(key=lambda row: row["side"])
            facts = {"device": device, "network": NAME, "rows": rows}
            record("features", facts | {"headline": headline(rows)})
    print(table(list(rows[0]), [["" if v is None else v for v in row.values()] for row in rows]))


def headline(rows: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Return the rows of the README's table: stored images in the fastest precision, by size."""
    rates = {(row["side"], row["what"], row["network"]): row["images per second"] for row in rows}
    sides = dict.fromkeys(row["side"] for row in rows)
    best = "bf16" if (next(iter(sides)), "augsearch, stored", "bf16") in rates else "channels_last"
    return [
        {
            "what": f"features of {NAME} at {side} px",
            "note": f"in {best}; the loop in float32, contiguous",
            "augsearch": rates[side, "augsearch, stored", best],
            "other": rates[side, "tight loop", "float32"],
            "against": "a tight loop of the same network",
            "unit": "images/s",
            "ratio": rates[side, "augsearch, stored", best] / rates[side, "tight loop", "float32"],
        }
        for side in sides
    ]


if __name__ == "__main__":
    main()
