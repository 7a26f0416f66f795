"""The discriminator of every kind of GAN; a critic is one whose logit is not squashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from augsearch.gan.spectral_norm import spectrally_normed

_SLOPE = 0.2


@dataclass(frozen=True)
class DiscriminatorDesign:
    """All that decides a discriminator's layers.

    Attributes:
        size: Side of the square images in pixels.
        channels: 1 or 3.
        n_classes: Number of classes; 0: it does not tell classes apart.
        filters: Feature maps that leave each convolution. A convolution halves the side (rounding
            up); from a side of 1 on it keeps it.
        kernel: Side of the kernels.
        norm: "batch" or "layer" (none on the first layer), or "spectral" (every layer, heads too).
        dropout: Share of values set to 0 after each convolution in training.
    """

    size: int
    channels: int
    n_classes: int
    filters: tuple[int, ...]
    kernel: int
    norm: Literal["batch", "spectral", "layer"]
    dropout: float


class Discriminator(nn.Module):
    """Images to two answers: real or synthetic, and which class."""

    def __init__(self, design: DiscriminatorDesign) -> None:
        super().__init__()
        self.design = design
        spectral = design.norm == "spectral"
        layers: list[nn.Module] = []
        side, n_in = design.size, design.channels
        for index, n_out in enumerate(design.filters):
            normed = not spectral and index > 0
            convolution = _halving(n_in, n_out, design.kernel, side, bias=not normed)
            layers.append(spectrally_normed(convolution) if spectral else convolution)
            if normed:
                layers.append(_norm(design, n_out))
            layers += [nn.LeakyReLU(_SLOPE), Dropout(design.dropout)]
            side, n_in = -(-side // 2), n_out
        self.layers = nn.Sequential(*layers)
        n_features = n_in * side**2
        heads = [nn.Linear(n_features, 1)]
        if design.n_classes:
            heads.append(nn.Linear(n_features, design.n_classes))
        first, *more = [spectrally_normed(head) for head in heads] if spectral else heads
        self.source = first
        self.classes = more[0] if more else None

    def features(
        self, images: Tensor, rng: torch.Generator | None = None, sizes: Sequence[int] = ()
    ) -> Tensor:
        """Return what both heads see, (N, n_features), place by place and its maps in a row.

        Args:
            images: float32, (N, C, size, size), about -1 to 1.
            rng: Draws what dropout leaves out, on the device of `images`; None: nothing is.
            sizes: Images of each part, if batch norm is to see parts of the batch by themselves:
                their mixture would tell real and synthetic images apart. Default: one part.
        """
        maps = images
        for layer in self.layers:
            if isinstance(layer, Dropout):
                maps = layer(maps, rng)
            elif isinstance(layer, nn.BatchNorm2d) and sizes:
                maps = torch.cat([layer(part) for part in torch.split(maps, list(sizes))])
            else:
                maps = layer(maps)
        # In the order of memory in channels_last, so that neither pass has to copy.
        return maps.movedim(1, -1).flatten(1)

    def heads(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return source logits, (N,), positive for real, and class logits, (N, n_classes)."""
        heads = [self.source, *([] if self.classes is None else [self.classes])]
        # One product: on a GPU half the time, as a head has fewer outputs than a tile has columns.
        weight = torch.cat([head.weight for head in heads])
        answers = functional.linear(features, weight, torch.cat([head.bias for head in heads]))
        return answers[:, 0], answers[:, 1:]

    def forward(self, images: Tensor, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return what `heads` says of the `features` of images."""
        return self.heads(self.features(images, rng))


_DRAWS_64_BITS = ("cpu", "cuda")


class Dropout(nn.Module):
    """Dropout that draws from a given generator; torch's own knows the global one only."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, maps: Tensor, rng: torch.Generator | None) -> Tensor:
        """Return `maps` with a share of the values set to 0 and the rest scaled up, in training."""
        if not self.training or self.share == 0 or rng is None:
            return maps
        return maps * self._factors(maps, rng)

    def _factors(self, maps: Tensor, rng: torch.Generator) -> Tensor:
        """Return 0 for what is left out, else 1 / (1 - share), in the dtype of `maps`.

        Sixteen random bits decide each value: four to a draw of 64, which costs a tenth of torch's
        bernoulli_ on a CPU, where it draws 53 bits for each value on one core alone. Devices of
        Apple have no more than 32 random bits in 64, and draw a number for each value.
        """
        n_values, n_maps, *sides = maps.numel(), *maps.shape[1:]
        if maps.device.type in _DRAWS_64_BITS:
            words = torch.empty(-(-n_values // 4), dtype=torch.int64, device=maps.device)
            bits = words.random_(-(2**63), None, generator=rng).view(torch.int16)[:n_values]
            kept = bits >= round(self.share * 2**16) - 2**15
        else:
            kept = torch.rand(n_values, generator=rng, device=maps.device) >= self.share
        factors = kept.to(maps.dtype).mul_(1 / (1 - self.share))
        return factors.view(len(maps), *sides, n_maps).movedim(-1, 1)


def _norm(design: DiscriminatorDesign, n_maps: int) -> nn.Module:
    return nn.GroupNorm(1, n_maps) if design.norm == "layer" else nn.BatchNorm2d(n_maps)


def _halving(n_in: int, n_out: int, kernel: int, side: int, bias: bool) -> nn.Module:
    if side > 1:
        return nn.Conv2d(n_in, n_out, kernel, 2, (kernel - 1) // 2, bias=bias)
    odd = kernel - 1 + kernel % 2  # an odd kernel keeps the side
    return nn.Conv2d(n_in, n_out, odd, 1, odd // 2, bias=bias)
