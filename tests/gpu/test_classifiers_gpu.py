import numpy as np
import pytest
import torch

from augsearch.classifiers.adam_heads import HeadCell, lanes_for, train_adam_heads
from augsearch.classifiers.backbones import TorchvisionBackbone
from augsearch.classifiers.linear_head import LinearHead
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


def _backbone(device: str) -> TorchvisionBackbone:
    return TorchvisionBackbone(
        "densenet121", "random", seed=Seed.of(0), input_size=64, device=device
    )


def test_features_agree_with_the_cpu_and_do_not_depend_on_the_block() -> None:
    images = np.random.default_rng(0).integers(0, 256, (70, 56, 56, 1), dtype=np.uint8)
    whole = _backbone("cuda").features(images)
    expected = _backbone("cpu").features(images)
    np.testing.assert_allclose(whole, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_array_equal(_backbone("cuda").features(images[order]), whole[order])
    np.testing.assert_array_equal(_backbone("cuda").features(images[3:5]), whole[3:5])


def _train(cells: list[HeadCell], device: str) -> list[LinearHead]:
    bank = np.zeros((300, 1040), dtype=np.float32)
    bank[:, :1024] = np.random.default_rng(0).normal(size=(300, 1024))
    bank[:, 1024] = 1
    return train_adam_heads(
        bank, cells, AdamHead(epochs=10), n_features=1024, n_classes=2, device=device,
        advance=lambda steps: None,
    )  # fmt: skip


def test_heads_agree_with_the_cpu_and_do_not_depend_on_their_company() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(5, 300, lanes_for("cuda") + 6)
    cells = [
        HeadCell(rng.integers(0, 300, n), rng.integers(0, 2, n), Seed.of(0, i))
        for i, n in enumerate(sizes.tolist())
    ]
    together = _train(cells, "cuda")
    for i, head in zip((3, 0, 40), _train([cells[3], cells[0], cells[40]], "cuda"), strict=True):
        np.testing.assert_array_equal(head.weight, together[i].weight)
    expected = _train(cells[:4], "cpu")
    for head, other in zip(expected, together, strict=False):
        np.testing.assert_allclose(other.weight, head.weight, rtol=0, atol=1e-5)
