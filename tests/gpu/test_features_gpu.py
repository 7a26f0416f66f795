"""Features in several calls, of which a GPU is given the next before the last is waited for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from augsearch.classifiers.frozen import feature_store
from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.classifiers.network_inputs import begin_row_by_row
from augsearch.records import ImageBlock
from augsearch.seeds import Seed

GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]
DEVICES = ["cpu", pytest.param("cuda", marks=GPU)]


def _images(count: int, side: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 1), dtype=np.uint8)


def _sums(images: Tensor) -> Tensor:
    """Add up each image, after work that keeps a GPU behind the one who sends it batches."""
    one = torch.eye(4096 if images.is_cuda else 1, device=images.device)
    for _ in range(10):
        one = one @ one
    return images.float().sum(dim=(1, 2)) * one[0, 0]


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_begun_before_others_are_waited_for_is_right(device: str) -> None:
    chunks = [_images(count, 16, count) for count in (40, 33, 64, 1, 0, 16)]
    expected = [chunk.sum(axis=(1, 2), dtype=np.float32) for chunk in chunks]
    waits = []
    for chunk in chunks:
        waits.append(begin_row_by_row(chunk, _sums, batch=8, device=device))
        if device == "cuda":  # which has been sent them, or has a copy of its own
            chunk[:] = 0
    found = [wait() for wait in waits]
    for sums, own in zip(expected, found, strict=True):
        np.testing.assert_array_equal(own, sums)


@pytest.mark.parametrize("device", DEVICES)
def test_features_of_many_chunks_are_those_of_each_block(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_LARGEST", 64)
    backbone = TorchvisionBackbone(
        "resnet18", "random", seed=Seed.of(0), input_size=32, device=device
    )
    sizes = (50, 100, 64, 64, 30, 200)
    blocks = [ImageBlock.of(_images(size, 40, n)) for n, size in enumerate(sizes)]
    calls, begin = [], backbone.begin
    monkeypatch.setattr(backbone, "begin", lambda images: calls.append(1) or begin(images))
    store = FeatureStore(backbone, tmp_path)
    store.make(blocks)
    assert len(calls) > 6  # on a GPU the first three are launched, the others replayed
    for block in blocks:
        np.testing.assert_array_equal(store.features(block), backbone.features(block.pixels))
