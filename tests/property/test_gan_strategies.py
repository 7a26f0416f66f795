"""Which images and which first weights each strategy of a GAN trains with."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.gan.dcgan_step import DcganStep
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.generators.checkpoint import read_tensors
from augsearch.sources.generators.generator import GeneratorSource
from augsearch.sources.generators.strategies import cut_to_smallest, of_class
from augsearch.sources.generators.training import Schedule, Training
from augsearch.study.schema.generators import DcganOptions
from augsearch.testing.images import toy_images

counts = st.lists(st.integers(1, 30), min_size=2, max_size=5).map(tuple)


def _rows(images: LabelledImages) -> list[tuple[str, int]]:
    return list(zip(images.names, images.labels.tolist(), strict=True))


@given(counts=counts, seed=st.integers(0, 100))
def test_balanced_trains_on_the_smallest_classs_number_of_each(
    counts: tuple[int, ...], seed: int
) -> None:
    train = toy_images(counts, size=1)
    cut = cut_to_smallest(train, Seed.of(seed))
    assert cut.class_counts() == (min(counts),) * len(counts)
    assert len(set(cut.names)) == len(cut)  # no image twice
    assert set(_rows(cut)) <= set(_rows(train))
    again = cut_to_smallest(train, Seed.of(seed))
    assert _rows(again) == _rows(cut) and np.array_equal(again.pixels, cut.pixels)


@given(counts=counts)
def test_a_class_alone_keeps_all_its_images_and_no_other(counts: tuple[int, ...]) -> None:
    train = toy_images(counts, size=1)
    for label, count in enumerate(counts):
        own = of_class(train, label)
        assert own.class_counts() == (count,) and own.classes == (train.classes[label],)
        assert np.array_equal(own.pixels, train.pixels[train.labels == label])


@settings(max_examples=6)
@given(counts=st.permutations([2, 3, 5]), average=st.sampled_from([0.0, 0.9]))
def test_transfer_starts_from_the_largest_classs_last_weights(
    counts: list[int], average: float
) -> None:
    options = DcganOptions.model_validate(
        {
            "kind": "dcgan",
            "strategy": "transfer",
            "width": 0.05,
            "batch_size": 4,
            "iterations": 3,
            "snapshot": "last",
            "moving_average": average,
        }
    )
    train = toy_images(tuple(counts), size=8)
    largest = counts.index(5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        GeneratorSource(options).fit(train, FitContext("dcgan", 0, Seed.of(0), folder))
        end = folder / f"class{largest}" / "checkpoint.safetensors"
        last, _ = read_tensors(end)
        for label in {0, 1, 2} - {largest}:
            seed = Seed.of(0, "class", label)
            own = of_class(train, label)
            gan = DcganStep(options, own, seed, "cpu")
            context = FitContext("other", 0, seed, folder / "again" / str(label))
            training = Training(gan, Schedule(3, 3, 3), context, end)
            # Iteration 0: generator, discriminator and average are the largest class's last.
            for module, network in gan.modules.items():
                for key, value in network.state_dict().items():
                    assert torch.equal(value, last[f"module/{module}/{key}"])
            # From there, the class's own training ends as the source's did.
            training.run(lambda _: None)
            ours, _ = read_tensors(context.folder / "checkpoint.safetensors")
            theirs, _ = read_tensors(folder / f"class{label}" / "checkpoint.safetensors")
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in ours)
