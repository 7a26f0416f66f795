"""The generator of every kind of GAN: latent vectors, and labels if it has classes, to images.

A dense layer, then transposed convolutions of stride 2 (Radford et al. 2016). A class enters as one
more map beside those of the latent vector: an embedding and a dense layer make it (Kong et al.
2022; Röglin et al. 2022 let it in further up).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from augsearch.errors import SourceError


@dataclass(frozen=True)
class GeneratorDesign:
    """All that decides a generator's layers and its latent space.

    Attributes:
        size: Side of the square images in pixels.
        channels: 1 or 3.
        n_classes: Number of classes; 0: labels are not looked at.
        latent_dim: Length of the latent vector.
        embedding_dim: Length of a class's embedding.
        filters: Feature maps that enter each transposed convolution and, last, the output layer if
            it is a convolution.
        kernel: Side of the kernels.
        latent: What a latent vector is drawn from: N(0, 1) or U(-1, 1).
        dense_norm: Batch norm on the maps that the dense layer makes.
        label_layer: The transposed convolution that the label's map joins, from 1 on.
        output: The last layer: the last transposed convolution, or one that keeps the side.
    """

    size: int
    channels: int
    n_classes: int
    latent_dim: int
    embedding_dim: int
    filters: tuple[int, ...]
    kernel: int
    latent: Literal["normal", "uniform"] = "normal"
    dense_norm: bool = False
    label_layer: int = 1
    output: Literal["transposed", "convolution"] = "transposed"

    @property
    def n_doublings(self) -> int:
        """Number of transposed convolutions; each doubles the side."""
        return len(self.filters) - (self.output == "convolution")

    @property
    def first_side(self) -> int:
        """Side of the maps that the first transposed convolution takes.

        Raises:
            SourceError: The size cannot be halved as often as there are transposed convolutions.
        """
        factor: int = 2**self.n_doublings
        if self.size % factor:
            low = self.size // factor * factor
            choices = " or ".join(str(size) for size in (low, low + factor) if size)
            raise SourceError(
                f"images.size must be divisible by {factor} (each of the {self.n_doublings} "
                f"transposed convolutions doubles the side) but got {self.size}; "
                f"choose {choices}."
            )
        return self.size // factor

    def latents(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw latent vectors, float32, (count, latent_dim), on the device of `rng`."""
        size = (count, self.latent_dim)
        if self.latent == "uniform":
            return torch.rand(size, generator=rng, device=rng.device) * 2 - 1
        return torch.randn(size, generator=rng, device=rng.device)


class Generator(nn.Module):
    """Latent vectors and labels to images."""

    def __init__(self, design: GeneratorDesign) -> None:
        super().__init__()
        self.design = design
        side, first = design.first_side, design.filters[0]
        self.from_latent = nn.Sequential(
            nn.Linear(design.latent_dim, first * side**2, bias=not design.dense_norm),
            nn.Unflatten(1, (side, side, first)),
            MapsFirst(),
            *([nn.BatchNorm2d(first)] if design.dense_norm else []),
            nn.ReLU(),
        )
        self.from_label: nn.Module | None = None
        if design.n_classes:
            label_side = side * 2 ** (design.label_layer - 1)
            self.from_label = nn.Sequential(
                nn.Embedding(design.n_classes, design.embedding_dim),
                nn.Linear(design.embedding_dim, label_side**2),
                nn.Unflatten(1, (1, label_side, label_side)),
            )
        self.to_image = nn.Sequential(*_upwards(design))
        self._label_index = 3 * (design.label_layer - 1)  # three modules to a layer

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Return images, float32, (N, C, size, size), in -1 to 1.

        Args:
            latent: float32, (N, latent_dim).
            labels: int64, (N,); not looked at if there are no classes.
        """
        maps: Tensor = self.from_latent(latent)
        for index, layer in enumerate(self.to_image):
            if self.from_label is not None and index == self._label_index:
                maps = torch.cat([maps, self.from_label(labels)], dim=1)
            maps = layer(maps)
        return maps


class MapsFirst(nn.Module):
    """Reads (N, H, W, C) as (N, C, H, W): in memory that is channels_last already."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return a view of `maps`."""
        return maps.movedim(-1, 1)


def _upwards(design: GeneratorDesign) -> list[nn.Module]:
    """Return the layers from the dense layer's maps to the image."""
    layers: list[nn.Module] = []
    widths = (*design.filters, design.channels)
    for index in range(design.n_doublings):
        joins = design.n_classes > 0 and index == design.label_layer - 1
        n_in, n_out = widths[index] + joins, widths[index + 1]
        last = index == len(design.filters) - 1
        layers.append(_doubling(n_in, n_out, design.kernel, bias=last))
        layers += [nn.Tanh()] if last else [nn.BatchNorm2d(n_out), nn.ReLU()]
    if design.output == "convolution":
        odd = design.kernel - 1 + design.kernel % 2  # an odd kernel keeps the side
        layers += [nn.Conv2d(design.filters[-1], design.channels, odd, 1, odd // 2), nn.Tanh()]
    return layers


def _doubling(n_in: int, n_out: int, kernel: int, bias: bool) -> nn.Module:
    padding = (kernel - 1) // 2
    extra = 2 * padding + 2 - kernel
    return nn.ConvTranspose2d(n_in, n_out, kernel, 2, padding, extra, bias=bias)
