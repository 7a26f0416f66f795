"""From a table of [sources] and images to a GAN that is ready to be trained."""

from __future__ import annotations

from augsearch.gan.acgan_step import AcganStep
from augsearch.gan.base import Gan
from augsearch.gan.dcgan_step import DcganStep
from augsearch.gan.wgan_step import WganStep
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.study.schema.generators import AcganOptions, DcganOptions, TrainedOptions


def create_gan(options: TrainedOptions, train: LabelledImages, seed: Seed, device: str) -> Gan:
    """Return the GAN that `options` describe, with its first weights.

    Raises:
        SourceError: The generator cannot make images of this size.
    """
    if isinstance(options, AcganOptions):
        return AcganStep(options, train, seed, device)
    if isinstance(options, DcganOptions):
        return DcganStep(options, train, seed, device)
    return WganStep(options, train, seed, device)
