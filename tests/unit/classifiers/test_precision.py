"""What bf16 does to scores: the demo's images, a random DenseNet-121, both heads."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.frozen.classifier import FrozenClassifier
from augsearch.classifiers.frozen.feature_store import FeatureStore
from augsearch.data.demo import draw_demo
from augsearch.device import Precision, has_bf16
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead, LogisticHead

HEADS = {"adam": AdamHead(epochs=10), "logistic": LogisticHead(kind="logistic")}


def scores(precision: Precision, folder: Path) -> dict[str, list[float]]:
    """Return the test AUC of each head after training on each of four samples of 100 images."""
    train = draw_demo(200, size=32, channels=1, seed=Seed.of(0, "train"))
    test = draw_demo(1000, size=32, channels=1, seed=Seed.of(0, "test"))
    block, seen = ImageBlock.of(train.pixels), ImageBlock.of(test.pixels)
    samples = [np.random.default_rng(seed).permutation(200)[:100] for seed in range(4)]
    cells = [
        TrainingSet((Portion(block, rows, train.labels[rows]),), 2, Seed.of(number))
        for number, rows in enumerate(samples)
    ]
    backbone = TorchvisionBackbone(
        "densenet121", "random", seed=Seed.of(0), input_size=32, precision=precision
    )
    store = FeatureStore(backbone, folder)
    return {
        name: [
            float(roc_auc_score(test.labels, fitted.predict_proba(seen)[:, 1]))
            for fitted in FrozenClassifier(store, head).fit(cells)
        ]
        for name, head in HEADS.items()
    }


@pytest.mark.skipif(not has_bf16("cpu"), reason="needs a processor with bf16")
def test_scores_agree_with_float32(tmp_path: Path) -> None:
    expected, found = scores("float32", tmp_path), scores("bf16", tmp_path)
    change = {name: np.subtract(found[name], expected[name]) for name in HEADS}
    assert np.abs(change["adam"]).max() < 1e-3
    # A logistic head on a few training images and an untrained network follows its features more
    # closely; whoever wants its last thousandth sets precision = "float32".
    assert abs(change["logistic"].mean()) < 3e-3
