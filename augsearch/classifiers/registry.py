"""From a [classifier] table to the classifier it describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from augsearch.classifiers.base import Classifier
from augsearch.classifiers.checked import CheckedClassifier
from augsearch.errors import AugsearchError
from augsearch.plugins import create_plugin
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import (
    CLASSIFIER_PLUGINS,
    BagOfWordsOptions,
    ClassifierOptions,
    DiscriminatorOptions,
    EndToEndOptions,
    FrozenOptions,
    PluginClassifierOptions,
)
from augsearch.study.schema.generators import AcganOptions
from augsearch.study.schema.sources import SourceOptions


def create_classifier(
    options: ClassifierOptions,
    *,
    image_shape: tuple[int, int, int],
    cache: Path,
    seed: Seed,
    device: str = "cpu",
    sources: Mapping[str, SourceOptions] | None = None,
) -> Classifier:
    """Build the classifier of a study; only its own module is imported.

    Args:
        options: The study's [classifier] table.
        image_shape: Height, width and channels of the study's images.
        cache: Folder in which features are kept.
        seed: Decides random weights of frozen networks. All that is trained takes its randomness
            from the training sets.
        device: The torch device.
        sources: The study's [sources], for a discriminator.

    Raises:
        WeightsError: A network is unknown, or its weights cannot be had or do not fit.
        DataError: The images are smaller than a patch of a bag of words.
        AugsearchError: A plugin cannot be imported or does not take its options.
    """
    match options:
        case FrozenOptions():
            return _frozen(options, image_shape, cache, seed, device)
        case EndToEndOptions():
            from augsearch.classifiers.end_to_end.classifier import EndToEnd

            return EndToEnd(options, device=device)
        case DiscriminatorOptions():
            from augsearch.classifiers.discriminator import DiscriminatorClassifier

            return DiscriminatorClassifier(_acgan(options, sources or {}), device=device)
        case BagOfWordsOptions():
            from augsearch.classifiers.bag_of_words import BagOfWords
            from augsearch.classifiers.visual_words import check_patch

            check_patch(options.patch, image_shape)  # now, before anything is trained
            return BagOfWords(options)
        case PluginClassifierOptions():
            made = create_plugin(CLASSIFIER_PLUGINS, options.kind, options.options, Classifier)
            return CheckedClassifier(made, options.kind)


def _frozen(
    options: FrozenOptions,
    image_shape: tuple[int, int, int],
    cache: Path,
    seed: Seed,
    device: str,
) -> Classifier:
    from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
    from augsearch.classifiers.frozen.classifier import FrozenClassifier
    from augsearch.classifiers.frozen.feature_store import FeatureStore
    from augsearch.classifiers.torchvision_networks import SMALLEST_INPUT

    # Images too small for the networks, such as the 8 x 8 digits, are enlarged.
    input_size = options.input_size or max(*image_shape[:2], SMALLEST_INPUT)
    backbone = TorchvisionBackbone(
        options.backbone,
        options.weights,
        seed=seed.child("backbone"),
        input_size=input_size,
        device=device,
        precision=options.precision,
    )
    return FrozenClassifier(FeatureStore(backbone, cache), options.head, device=device)


def _acgan(options: DiscriminatorOptions, sources: Mapping[str, SourceOptions]) -> AcganOptions:
    found = sources.get(options.source)
    if not isinstance(found, AcganOptions):
        known = [name for name, one in sources.items() if isinstance(one, AcganOptions)]
        raise AugsearchError(
            f"a discriminator's source must be an acgan of [sources] ({', '.join(known) or 'none'})"
            f" but got {options.source!r}; name one of them."
        )
    return found
