"""The class-conditional generator and the two-headed discriminator of an ACGAN, for any size.

Odena et al. 2017 for the idea; the layout (a label map beside the latent maps, transposed
convolutions of stride 2) is the one of Kong et al. 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from augsearch.errors import SourceError
from augsearch.sources.gan.spectral_norm import SpectralNorm, spectrally_normed

_SLOPE = 0.2
_INITIAL_SD = 0.02


@dataclass(frozen=True)
class GeneratorDesign:
    """All that decides a generator's layers and its latent space.

    Attributes:
        size: Side of the square images in pixels.
        channels: 1 or 3.
        n_classes: Number of classes.
        latent_dim: Length of the latent vector.
        latent_sd: Its standard deviation; the mean is 0.
        embedding_dim: Length of a class's embedding.
        filters: Feature maps that enter each transposed convolution; each doubles the side.
        kernel: Side of the kernels.
    """

    size: int
    channels: int
    n_classes: int
    latent_dim: int
    latent_sd: float
    embedding_dim: int
    filters: tuple[int, ...]
    kernel: int

    @property
    def first_side(self) -> int:
        """Side of the maps that the first transposed convolution takes.

        Raises:
            SourceError: The size cannot be halved as often as there are filters.
        """
        factor: int = 2 ** len(self.filters)
        if self.size % factor:
            low = self.size // factor * factor
            choices = " or ".join(str(size) for size in (low, low + factor) if size)
            raise SourceError(
                f"images.size must be divisible by {factor} (each of the {len(self.filters)} "
                f"generator_filters doubles the side) but got {self.size}; choose {choices}."
            )
        return self.size // factor


@dataclass(frozen=True)
class DiscriminatorDesign:
    """All that decides a discriminator's layers.

    Attributes:
        size: Side of the square images in pixels.
        channels: 1 or 3.
        n_classes: Number of classes.
        filters: Feature maps that leave each convolution. A convolution halves the side (rounding
            up); from a side of 1 on it keeps it.
        kernel: Side of the kernels.
        norm: "batch" (none on the first layer) or "spectral" (every layer, heads too).
        dropout: Share of values set to 0 after each convolution in training.
    """

    size: int
    channels: int
    n_classes: int
    filters: tuple[int, ...]
    kernel: int
    norm: Literal["batch", "spectral"]
    dropout: float


class Generator(nn.Module):
    """Latent vectors and labels to images."""

    def __init__(self, design: GeneratorDesign) -> None:
        super().__init__()
        self.design = design
        side, first = design.first_side, design.filters[0]
        self.from_latent = nn.Sequential(
            nn.Linear(design.latent_dim, first * side**2),
            nn.Unflatten(1, (first, side, side)),
            nn.ReLU(),
        )
        self.from_label = nn.Sequential(
            nn.Embedding(design.n_classes, design.embedding_dim),
            nn.Linear(design.embedding_dim, side**2),
            nn.Unflatten(1, (1, side, side)),
        )
        layers: list[nn.Module] = []
        n_in = first + 1
        for n_out in design.filters[1:]:
            layers += [_doubling(n_in, n_out, design.kernel, bias=False)]
            layers += [nn.BatchNorm2d(n_out), nn.ReLU()]
            n_in = n_out
        layers += [_doubling(n_in, design.channels, design.kernel, bias=True), nn.Tanh()]
        self.to_image = nn.Sequential(*layers)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Return images, float32, (N, C, size, size), in -1 to 1.

        Args:
            latent: float32, (N, latent_dim).
            labels: int64, (N,).
        """
        maps = torch.cat([self.from_latent(latent), self.from_label(labels)], dim=1)
        images: Tensor = self.to_image(maps)
        return images


class Discriminator(nn.Module):
    """Images to two answers: real or synthetic, and which class."""

    def __init__(self, design: DiscriminatorDesign) -> None:
        super().__init__()
        spectral = design.norm == "spectral"
        layers: list[nn.Module] = []
        side, n_in = design.size, design.channels
        for index, n_out in enumerate(design.filters):
            batch_norm = not spectral and index > 0
            convolution = _halving(n_in, n_out, design.kernel, side, bias=not batch_norm)
            layers.append(spectrally_normed(convolution) if spectral else convolution)
            if batch_norm:
                layers.append(nn.BatchNorm2d(n_out))
            layers += [nn.LeakyReLU(_SLOPE), Dropout(design.dropout)]
            side, n_in = -(-side // 2), n_out
        self.layers = nn.Sequential(*layers)
        source, classes = nn.Linear(n_in * side**2, 1), nn.Linear(n_in * side**2, design.n_classes)
        self.source = spectrally_normed(source) if spectral else source
        self.classes = spectrally_normed(classes) if spectral else classes

    def forward(self, images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return source logits, (N,), positive for real, and class logits, (N, n_classes).

        Args:
            images: float32, (N, C, size, size), about -1 to 1.
            rng: Draws what dropout leaves out; on the device of `images`.
        """
        maps = images
        for layer in self.layers:
            maps = layer(maps, rng) if isinstance(layer, Dropout) else layer(maps)
        features = maps.flatten(1)
        return self.source(features).squeeze(1), self.classes(features)


class Dropout(nn.Module):
    """Dropout that draws from a given generator; torch's own knows the global one only."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, maps: Tensor, rng: torch.Generator) -> Tensor:
        """Return `maps` with a share of the values set to 0 and the rest scaled up, in training."""
        if not self.training or self.share == 0:
            return maps
        kept = torch.empty_like(maps).bernoulli_(1 - self.share, generator=rng)
        return maps * kept / (1 - self.share)


def _doubling(n_in: int, n_out: int, kernel: int, bias: bool) -> nn.Module:
    padding = (kernel - 1) // 2
    extra = 2 * padding + 2 - kernel
    return nn.ConvTranspose2d(n_in, n_out, kernel, 2, padding, extra, bias=bias)


def _halving(n_in: int, n_out: int, kernel: int, side: int, bias: bool) -> nn.Module:
    if side > 1:
        return nn.Conv2d(n_in, n_out, kernel, 2, (kernel - 1) // 2, bias=bias)
    odd = kernel - 1 + kernel % 2  # an odd kernel keeps the side
    return nn.Conv2d(n_in, n_out, odd, 1, odd // 2, bias=bias)


def built_generator(design: GeneratorDesign, rng: torch.Generator) -> Generator:
    """Return a generator on the CPU with its first weights.

    Weights are drawn from N(0, 0.02²) as in DCGAN (Radford et al. 2016), embeddings from N(0, 1) so
    that the label is heard from the start; biases are 0. The global random state is not touched.

    Args:
        design: Its layers.
        rng: CPU generator that all weights come from.
    """
    with torch.device("meta"):  # layers would draw from the global random state otherwise
        generator = Generator(design)
    _start(generator, rng)
    return generator


def built_discriminator(design: DiscriminatorDesign, rng: torch.Generator) -> Discriminator:
    """Return a discriminator on the CPU with its first weights; see `built_generator`."""
    with torch.device("meta"):
        discriminator = Discriminator(design)
    _start(discriminator, rng)
    return discriminator


def _start(network: nn.Module, rng: torch.Generator) -> None:
    network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, SpectralNorm):
            module.start(rng)
        else:
            _draw(module, rng)


@torch.no_grad()
def _draw(module: nn.Module, rng: torch.Generator) -> None:
    sd = 1.0 if isinstance(module, nn.Embedding) else _INITIAL_SD
    for parameter in module.parameters(recurse=False):
        if parameter.ndim > 1:
            parameter.normal_(0, sd, generator=rng)
        else:
            parameter.zero_()
