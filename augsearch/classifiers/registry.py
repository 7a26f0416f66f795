"""From the study's [classifier] table to the classifier it describes."""

from __future__ import annotations

from pathlib import Path

from augsearch.classifiers.base import Classifier
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import ClassifierOptions


def create_classifier(
    options: ClassifierOptions,
    *,
    image_shape: tuple[int, int, int],
    cache: Path,
    seed: Seed,
    device: str = "cpu",
) -> Classifier:
    """Build the classifier of a study.

    Args:
        options: The study's [classifier] table.
        image_shape: Height, width and channels of the study's images.
        cache: Folder in which features are kept.
        seed: Decides random weights. Heads take their randomness from the training sets.
        device: The torch device.

    Raises:
        WeightsError: The backbone is unknown, or its weights cannot be had or do not fit.
    """
    from augsearch.classifiers.backbones import SMALLEST_INPUT, TorchvisionBackbone
    from augsearch.classifiers.feature_store import FeatureStore
    from augsearch.classifiers.frozen import FrozenClassifier

    # Images too small for the networks, such as the 8 x 8 digits, are enlarged.
    input_size = options.input_size or max(*image_shape[:2], SMALLEST_INPUT)
    backbone = TorchvisionBackbone(
        options.backbone,
        options.weights,
        seed=seed.child("backbone"),
        input_size=input_size,
        device=device,
    )
    return FrozenClassifier(FeatureStore(backbone, cache), options.head, device=device)
