"""Iterations per second of a GAN's training: augsearch, a textbook loop, and the eight variants.

    python benchmarks/gan.py                 # both studies, all variants; some minutes
    python benchmarks/gan.py --quick         # without the compiled ones, few rounds

The textbook loop (`textbook_gan.py`) trains the same networks as a PyTorch tutorial would: eager,
float32, contiguous, torch's own layers and optimisers with their defaults, the data set in memory
as floats. The variants are augsearch's own iteration, {eager, compiled} x {float32, bf16} x
{contiguous, channels_last}; "augsearch" is what a user gets by default, once more. All take turns
within one run. Networks differ by their first weights alone; numbers of parameters are compared.
"""

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import measure
import mimicry_gan
import numpy as np
import textbook_gan
import torch
from torch import nn

from augsearch.gan.base import Gan
from augsearch.gan.create import create_gan
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions

# preset: (images, side, channels, iterations to one timed call on a CPU)
STUDIES = {"kong2022": (200, 56, 3, 1), "small-data": (100, 32, 1, 8)}
GPU_ITERATIONS = 50
PUBLISHED_ITERATIONS = {"kong2022": 30_000}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
SEED = Seed.of(0, "benchmark")


def options_of(preset: str, precision: str) -> AcganOptions:
    """Return the settings of a preset in a precision."""
    given = {"kind": "acgan", "preset": preset, "precision": precision}
    return AcganOptions.model_validate(given)


def timed_iterations(preset: str, device: str) -> int:
    """Return the iterations of one timed call."""
    return GPU_ITERATIONS if device == "cuda" else STUDIES[preset][3]


def noise_images(count: int, side: int, channels: int) -> LabelledImages:
    """Return images of two classes; what is on them does not change the time of an iteration."""
    rng = SEED.child("images").generator()
    pixels = rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % 2
    return LabelledImages(pixels, labels, labels, tuple(map(str, labels)), ("a", "b"))


def own(preset: str, precision: str, device: str) -> Gan:
    """Return augsearch's GAN of a preset."""
    images = noise_images(*STUDIES[preset][:3])
    return create_gan(options_of(preset, precision), images, SEED, device)


def variant(preset: str, how: str, precision: str, memory: str, device: str) -> Gan:
    """Return one of the eight; a graph is not captured, "compiled" compiles both networks."""
    gan = create_gan(
        options_of(preset, precision), noise_images(*STUDIES[preset][:3]), SEED, device
    )
    gan._graph = None
    networks: list[nn.Module] = [gan.players.generator, gan.players.discriminator]
    for network in networks:
        network.to(memory_format=FORMATS[memory])
    if how == "compiled":
        gan.players.generator.forward = torch.compile(gan.players.generator.forward)
        gan.players.discriminator.features = torch.compile(gan.players.discriminator.features)
    return gan


def steps(gan: Gan, count: int, device: str) -> Callable[[], None]:
    """Return a task of `count` iterations, seeded as in a training."""
    rng = torch.Generator(device=device)
    numbers: Iterator[int] = iter(range(1, 1 << 62))

    def run() -> None:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True):
            for iteration in (next(numbers) for _ in range(count)):
                rng.manual_seed(SEED.child(iteration).integer())
                losses = gan.step(iteration, rng)
        losses.sum().item()  # waits for the device

    return run


def tasks_of(preset: str, device: str, quick: bool) -> dict[str, Callable[[], None]]:
    """Return everything that is timed, by name."""
    images, count = noise_images(*STUDIES[preset][:3]), timed_iterations(preset, device)
    chosen = own(preset, "auto", device)
    plain = textbook_gan.Textbook(options_of(preset, "float32"), images, device)
    _same_size(chosen, plain)
    tasks = {"textbook": plain.steps(count), "augsearch": steps(chosen, count, device)}
    if importlib.util.find_spec("torch_mimicry"):
        other = textbook_gan.Textbook(options_of(preset, "float32"), images, device)
        tasks["torch-mimicry"] = mimicry_gan.steps(other, count)
    ways = ("eager",) if quick else ("eager", "compiled")
    for how, precision, memory in product(ways, ("float32", "bf16"), FORMATS):
        name = f"{how} {precision} {memory}"
        task = steps(variant(preset, how, precision, memory, device), count, device)
        if how == "eager" or _compiles(name, task):
            tasks[name] = task
    return tasks


def _compiles(name: str, task: Callable[[], None]) -> bool:
    """Return whether a first call succeeds; it takes a C++ compiler, or Triton on a GPU."""
    try:
        task()
    except Exception as error:
        print(f"left out: {name} ({type(error).__name__})")
        return False
    return True


def _same_size(gan: Gan, plain: textbook_gan.Textbook) -> None:
    pairs = [
        (gan.players.generator, plain.generator),
        (gan.players.discriminator, plain.discriminator),
    ]
    for one, other in pairs:
        counts = [sum(p.numel() for p in network.parameters()) for network in (one, other)]
        if counts[0] != counts[1]:
            raise SystemExit(f"the networks differ: {counts[0]} and {counts[1]} parameters")


def main() -> None:
    """Measure, print the tables and write the results down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing compiled")
    parser.add_argument("--study", choices=[*STUDIES], action="append", help="one study alone")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, help="timed rounds (15, or 5 with --quick)")
    given = parser.parse_args()
    repeats = given.repeats or (5 if given.quick else 15)
    facts: dict[str, Any] = {"headline": []}
    for preset in given.study or STUDIES:
        seconds = measure.interleaved(tasks_of(preset, given.device, given.quick), repeats)
        count = timed_iterations(preset, given.device)
        rates = {name: count / value for name, value in seconds.items()}
        facts[preset] = {
            "precision": own(preset, "auto", given.device).precision,
            "iterations_per_second": rates,
            "times_textbook": rates["augsearch"] / rates["textbook"],
        }
        facts["headline"].append(
            {
                "what": f"GAN training, {preset}",
                "note": f"in {facts[preset]['precision']}, the loop in float32",
                "augsearch": rates["augsearch"],
                "other": rates["textbook"],
                "against": "a textbook PyTorch loop",
                "unit": "iterations/s",
                "ratio": facts[preset]["times_textbook"],
            }
        )
        if preset in PUBLISHED_ITERATIONS:
            total = PUBLISHED_ITERATIONS[preset] / rates["augsearch"]
            facts[preset]["seconds_of_the_published_training"] = total
            print(f"{PUBLISHED_ITERATIONS[preset]:,} iterations: {total:,.1f} s")
        rows = [
            (name, rate, rate / rates["textbook"])
            for name, rate in sorted(rates.items(), key=lambda item: -item[1])
        ]
        print(f"\n{preset} ({given.device}, {facts[preset]['precision']} chosen)\n")
        print(measure.table(("what", "iterations/s", "times textbook"), rows), flush=True)
        path = measure.record("gan", facts)  # after each, in case that a time limit ends this
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
