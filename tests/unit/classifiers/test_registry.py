import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from augsearch.classifiers.registry import create_classifier
from augsearch.errors import DataError, WeightsError
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import BagOfWordsOptions, FrozenOptions, LogisticHead


def test_from_options_to_probabilities(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 2
    pixels = rng.integers(0, 120, (30, 8, 8, 1), dtype=np.uint8)
    pixels[labels == 1, 2:6, 2:6] += 100
    images = ImageBlock.of(pixels)
    options = FrozenOptions(
        backbone="resnet18", weights="random", head=LogisticHead(kind="logistic")
    )
    found = []
    for folder in ("a", "b"):
        classifier = create_classifier(
            options, image_shape=(8, 8, 1), cache=tmp_path / folder, seed=Seed.of(1)
        )
        cell = TrainingSet((Portion(images, np.arange(20), labels[:20]),), 2, Seed.of(2))
        (fitted,) = classifier.fit([cell])
        found.append(fitted.predict_proba(images))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0][20:].argmax(axis=1) == labels[20:]).all()


def test_an_unknown_backbone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="backbone must be one of"):
        create_classifier(
            FrozenOptions(backbone="alexnet"),
            image_shape=(32, 32, 1),
            cache=tmp_path,
            seed=Seed.of(0),
        )


def test_a_patch_that_does_not_fit_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    options, seed = BagOfWordsOptions(kind="bag-of-words", patch=9), Seed.of(0)
    create_classifier(options, image_shape=(9, 12, 1), cache=tmp_path, seed=seed)
    with pytest.raises(DataError, match="shorter side, 8 pixels, but got 9"):
        create_classifier(options, image_shape=(12, 8, 1), cache=tmp_path, seed=seed)


@pytest.mark.parametrize("module", ["base", "registry"])
def test_the_light_modules_do_not_import_torch(module: str) -> None:
    code = f"import sys, augsearch.classifiers.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
