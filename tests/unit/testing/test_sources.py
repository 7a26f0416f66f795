import random
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from augsearch.errors import SourceError
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.registry import create_source
from augsearch.study.schema.sources import (
    CallableOptions,
    ClassicOptions,
    FolderOptions,
    RepeatOptions,
)
from augsearch.testing.images import toy_images
from augsearch.testing.sources import check_source

TRAIN = toy_images((5, 3, 4), size=16)
TRAIN_RGB = toy_images((5, 3), size=24, channels=3)


def drawing(train, seed):
    def images(label, start, stop):
        rng = Seed.of(seed, label, start).generator()
        return rng.integers(0, 256, (stop - start, *train.pixels.shape[1:]), dtype=np.uint8)

    return images


@pytest.fixture
def context(tmp_path):
    return FitContext("tested", 0, Seed.of(0, "source"), tmp_path / "fit")


@pytest.mark.parametrize("train", [TRAIN, TRAIN_RGB], ids=["grey", "colour"])
@pytest.mark.parametrize(
    "options",
    [
        RepeatOptions(kind="repeat"),
        ClassicOptions(kind="classic", translate=0.1, scale=0.1, brightness=0.2, contrast=0.2),
        ClassicOptions(kind="classic", vertical_flip=True, degrees=0),
        CallableOptions(kind="callable", function="my_generator:drawing"),
    ],
    ids=["repeat", "classic", "flips", "callable"],
)
def test_endless_sources_conform(options, train, context, monkeypatch):
    module = types.ModuleType("my_generator")
    module.drawing = drawing
    monkeypatch.setitem(sys.modules, "my_generator", module)
    check_source(create_source(options), train, context)


def test_a_folder_conforms(context, tmp_path):
    for name, count in zip(TRAIN.classes, (70, 3, 0), strict=True):
        (tmp_path / "images" / name).mkdir(parents=True)
        pixels = toy_images((count, 0), size=20, seed=count).pixels
        for number, image in enumerate(pixels):
            Image.fromarray(image[..., 0]).save(tmp_path / "images" / name / f"{number}.png")
    check_source(
        create_source(FolderOptions(kind="folder", path=tmp_path / "images")), TRAIN, context
    )


class Faulty(Source):
    """Repeats one of the training images of a class, except for a stated fault."""

    def __init__(self, fault):
        self.fault = fault

    def fit(self, train, context):
        if self.fault == "changes training images":
            train.pixels[0] += 1
        return FaultyPool(self.fault, train, context)


class FaultyPool(Pool):
    def __init__(self, fault, train, context):
        self.fault, self.train = fault, train
        self.base = train.pixels[: len(train.classes)].copy()
        self.luck = random.random() if fault == "global random" else 0.5
        if fault == "folder":
            self.luck = 0.25 if context.folder.name == "check-source" else 0.5
        self.calls = 0

    def size(self, label):
        return 100 if self.fault == "size" else None

    def images(self, label, start, stop):
        self.calls += 1
        images = np.repeat(self.base[label : label + 1], stop - start, axis=0)
        images[:, 0, 0, 0] = np.arange(start, stop) % 200 * self.luck
        if self.fault == "batch":
            images[:, 0, 1] = stop - start
        if self.fault == "history":
            images[:, 0, 1] = self.calls
        if self.fault == "handed out":
            return np.broadcast_to(self.base[label], images.shape) if start else self.keep(images)
        wrong = {"dtype": images.astype(np.float32), "shape": images[..., 0]}
        return wrong.get(self.fault, images)

    def keep(self, images):
        self.kept = getattr(self, "kept", images)
        return self.kept[: len(images)]


def test_a_source_without_fault_passes(context):
    check_source(Faulty(None), TRAIN, context)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("changes training images", "must leave the training images"),
        ("global random", "must be the same whatever was asked"),
        ("folder", "must be the same whatever was asked"),
        ("batch", "must be the same whatever was asked"),
        ("history", "must be the same whatever was asked"),
        ("handed out", "must be the same whatever was asked"),
        ("size", "lies beyond size"),
        ("dtype", "must be uint8 but are float32"),
        ("shape", "must have shape"),
    ],
)
def test_every_broken_promise_is_found(fault, message, context):
    train = replace(TRAIN, pixels=TRAIN.pixels.copy())
    with pytest.raises(AssertionError, match=message):
        check_source(Faulty(fault), train, context)


def test_a_source_that_cannot_fit_raises_its_own_error(context):
    with pytest.raises(SourceError, match="class 'class-1'"):
        check_source(create_source(RepeatOptions(kind="repeat")), toy_images((5, 0)), context)
