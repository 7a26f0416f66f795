import numpy as np
import pytest
import torch

from augsearch.classifiers.discriminator import DiscriminatorClassifier
from augsearch.classifiers.frozen.adam_heads import HeadCell, train_adam_heads
from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.linear_head import LinearHead
from augsearch.device import Precision, has_triton
from augsearch.records import ImageBlock
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead
from augsearch.study.schema.generators import AcganOptions
from augsearch.testing.classifiers import check_classifier
from augsearch.testing.images import toy_images, toy_training_sets

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


def _backbone(device: str, precision: Precision = "float32") -> TorchvisionBackbone:
    return TorchvisionBackbone(
        "densenet121", "random", seed=Seed.of(0), input_size=64, device=device, precision=precision
    )


def test_features_agree_with_the_cpu_and_do_not_depend_on_the_block() -> None:
    images = np.random.default_rng(0).integers(0, 256, (70, 56, 56, 1), dtype=np.uint8)
    whole = _backbone("cuda").features(images)
    expected = _backbone("cpu").features(images)
    np.testing.assert_allclose(whole, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    order = np.random.default_rng(1).permutation(70)
    np.testing.assert_array_equal(_backbone("cuda").features(images[order]), whole[order])
    np.testing.assert_array_equal(_backbone("cuda").features(images[3:5]), whole[3:5])


def test_bf16_features_do_not_depend_on_the_block() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 56, 56, 1), dtype=np.uint8)
    lowered = _backbone("cuda", "bf16")
    whole, expected = lowered.features(images), _backbone("cuda").features(images)
    assert np.linalg.norm(whole - expected) < 0.02 * np.linalg.norm(expected)
    np.testing.assert_array_equal(lowered.features(images[290:297]), whole[290:297])


def _train(
    cells: list[HeadCell], device: str, n_classes: int = 2, outputs: str = "softmax"
) -> list[LinearHead]:
    bank = np.zeros((300, 1040), dtype=np.float32)
    bank[:, :1024] = np.random.default_rng(0).normal(size=(300, 1024))
    bank[:, 1024] = 1
    return train_adam_heads(
        bank, cells, AdamHead(epochs=10, outputs=outputs), n_features=1024, n_classes=n_classes,
        device=device, advance=lambda steps: None,
    )  # fmt: skip


def _cells(n_classes: int) -> list[HeadCell]:
    rng = np.random.default_rng(1)
    return [
        HeadCell(rng.integers(0, 300, n), rng.integers(0, n_classes, n), Seed.of(0, i))
        for i, n in enumerate(rng.integers(1, 300, 140).tolist())
    ]


def test_heads_are_trained_on_the_gpu() -> None:
    assert has_triton("cuda")


@pytest.mark.parametrize(("n_classes", "outputs"), [(2, "softmax"), (2, "sigmoid"), (5, "softmax")])
def test_heads_agree_with_the_cpu(n_classes: int, outputs: str) -> None:
    cells = _cells(n_classes)[:20]
    expected = _train(cells, "cpu", n_classes, outputs)
    for head, other in zip(expected, _train(cells, "cuda", n_classes, outputs), strict=True):
        np.testing.assert_allclose(other.weight, head.weight, rtol=0, atol=1e-5)
        np.testing.assert_allclose(other.bias, head.bias, rtol=0, atol=1e-5)


def test_heads_do_not_depend_on_their_company() -> None:
    cells = _cells(2)
    together = _train(cells, "cuda")
    for i, head in zip((3, 0, 40), _train([cells[3], cells[0], cells[40]], "cuda"), strict=True):
        np.testing.assert_array_equal(head.weight, together[i].weight)


def test_heads_do_not_depend_on_the_epochs_laid_out_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = _cells(2)[:20]
    at_once = _train(cells, "cuda")
    monkeypatch.setattr(
        "augsearch.classifiers.frozen.adam_heads.cuda._CHUNK", 1
    )  # one, ten launches
    for one, other in zip(_train(cells, "cuda"), at_once, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)


@pytest.mark.parametrize("preset", ["small-data", "kong2022"])
def test_a_discriminator_keeps_the_promises_of_a_classifier(preset: str) -> None:
    options = AcganOptions(kind="acgan", preset=preset, width=0.1, batch_size=8, iterations=5)
    block = ImageBlock.of(toy_images((40, 30), 16, seed=9).pixels)
    check_classifier(
        DiscriminatorClassifier(options, device="cuda"), toy_training_sets(2, 16), block
    )
