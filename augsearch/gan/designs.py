"""From a table of [sources] to the two networks that it describes."""

from __future__ import annotations

from augsearch.gan.discriminator import DiscriminatorDesign
from augsearch.gan.generator import GeneratorDesign
from augsearch.study.schema.generators import AcganOptions, GanOptions


def designs(
    options: GanOptions, shape: tuple[int, ...], n_classes: int
) -> tuple[GeneratorDesign, DiscriminatorDesign]:
    """Return the networks that `options` describe.

    Args:
        options: The source's settings.
        shape: Height, width and channels of the images.
        n_classes: Classes that both networks know; 0 for an unconditional GAN.
    """
    size, _, channels = shape
    embedding_dim, label_layer = 0, 1
    if isinstance(options, AcganOptions):
        embedding_dim, label_layer = options.embedding_dim, options.label_layer
    generator = GeneratorDesign(
        size=size,
        channels=channels,
        n_classes=n_classes,
        latent_dim=options.latent_dim,
        embedding_dim=embedding_dim,
        filters=_widened(options.generator_filters, options.width),
        kernel=options.generator_kernel,
        latent=options.latent,
        dense_norm=options.generator_dense_norm,
        label_layer=label_layer,
        output=options.generator_output,
    )
    discriminator = DiscriminatorDesign(
        size=size,
        channels=channels,
        n_classes=n_classes,
        filters=_widened(options.discriminator_filters, options.width),
        kernel=options.discriminator_kernel,
        norm=options.discriminator_norm,
        dropout=options.dropout,
    )
    return generator, discriminator


def _widened(filters: tuple[int, ...], width: float) -> tuple[int, ...]:
    return tuple(max(1, round(count * width)) for count in filters)
