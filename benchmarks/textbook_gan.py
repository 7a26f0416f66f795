"""The same ACGANs as a PyTorch tutorial would write and train them; what `gan.py` compares with.

Nothing is slowed down on purpose: the images are floats on the device already, there is no
DataLoader, and no value is read back inside the loop.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from augsearch.records import LabelledImages
from augsearch.study.schema.generators import AcganOptions


class Generator(nn.Module):
    """Latent vectors and labels to images, with transposed convolutions of stride 2."""

    def __init__(self, options: AcganOptions, side: int, channels: int, n_classes: int) -> None:
        super().__init__()
        widths = (*options.generator_filters, channels)
        self.first = (widths[0], side >> options.n_doublings, side >> options.n_doublings)
        self.dense = nn.Linear(options.latent_dim, self.first[0] * self.first[1] ** 2)
        self.embedding = nn.Embedding(n_classes, options.embedding_dim)
        self.label = nn.Linear(options.embedding_dim, self.first[1] ** 2)
        layers: list[nn.Module] = []
        padding = (options.generator_kernel - 1) // 2
        extra = 2 * padding + 2 - options.generator_kernel
        for index in range(options.n_doublings):
            last = index == options.n_doublings - 1
            n_in, n_out = widths[index] + (index == 0), widths[index + 1]
            kernel = options.generator_kernel
            layers.append(nn.ConvTranspose2d(n_in, n_out, kernel, 2, padding, extra, bias=last))
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        maps = functional.relu(self.dense(latent)).view(-1, *self.first)
        label = self.label(self.embedding(labels)).view(-1, 1, *self.first[1:])
        return self.layers(torch.cat([maps, label], 1))


class Discriminator(nn.Module):
    """Images to a logit for real and logits of the classes."""

    def __init__(self, options: AcganOptions, side: int, channels: int, n_classes: int) -> None:
        super().__init__()
        spectral = options.discriminator_norm == "spectral"
        normed = spectral_norm if spectral else nn.Identity()
        layers: list[nn.Module] = []
        n_in, kernel = channels, options.discriminator_kernel
        for index, n_out in enumerate(options.discriminator_filters):
            batch_norm = not spectral and index > 0
            padding = (kernel - 1) // 2
            layers.append(normed(nn.Conv2d(n_in, n_out, kernel, 2, padding, bias=not batch_norm)))
            if batch_norm:
                layers.append(nn.BatchNorm2d(n_out))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            if options.dropout:
                layers.append(nn.Dropout(options.dropout))
            side, n_in = -(-side // 2), n_out
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.source = normed(nn.Linear(n_in * side**2, 1))
        self.classes = normed(nn.Linear(n_in * side**2, n_classes))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(images)
        return self.source(features).squeeze(1), self.classes(features)


class Textbook:
    """An ACGAN, its optimisers and its training loop."""

    def __init__(self, options: AcganOptions, images: LabelledImages, device: str) -> None:
        _, side, _, channels = images.pixels.shape
        shape = (side, channels, len(images.classes))
        self.options, self.device, self.n_classes = options, device, len(images.classes)
        self.generator = Generator(options, *shape).to(device)
        self.discriminator = Discriminator(options, *shape).to(device)
        self.average = copy.deepcopy(self.generator) if options.moving_average else None
        self.real = torch.tensor(images.pixels, device=device).permute(0, 3, 1, 2).contiguous()
        self.real = self.real.float() / 127.5 - 1
        self.labels = torch.tensor(images.labels, device=device)
        rates = (options.generator_learning_rate, options.discriminator_learning_rate)
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(network.parameters(), lr=rate, betas=options.betas)
            for network, rate in zip((self.generator, self.discriminator), rates, strict=True)
        )

    def steps(self, count: int) -> Callable[[], None]:
        """Return a task of `count` iterations."""

        def run() -> None:
            for _ in range(count):
                loss = self.step()
            loss.item()  # waits for the device

        return run

    def step(self) -> Tensor:
        """Train both networks once."""
        rows = torch.randint(len(self.real), (self.options.batch_size,), device=self.device)
        synthetic, labels = self.train_discriminator(self.real[rows], self.labels[rows])
        return self.train_generator(synthetic, labels)

    def train_discriminator(self, real: Tensor, real_labels: Tensor) -> tuple[Tensor, Tensor]:
        """Train the discriminator once; return synthetic images and their labels."""
        size, options = self.options.batch_size, self.options
        latent = torch.randn(size, options.latent_dim, device=self.device)
        labels = torch.randint(self.n_classes, (size,), device=self.device)
        synthetic = self.generator(latent, labels)

        self.optimizer_d.zero_grad()
        real_source, real_class = self.discriminator(augmented(real, options.augment))
        source, classes = self.discriminator(augmented(synthetic.detach(), options.augment))
        loss = functional.cross_entropy(real_class, real_labels)
        loss = loss + functional.cross_entropy(classes, labels)
        loss = loss + self.source_loss(real_source, True) + self.source_loss(source, False)
        loss.backward()
        self.optimizer_d.step()
        return synthetic, labels

    def train_generator(self, synthetic: Tensor, labels: Tensor) -> Tensor:
        """Train the generator once, on the same synthetic images; return its loss."""
        self.optimizer_g.zero_grad()
        source, classes = self.discriminator(augmented(synthetic, self.options.augment))
        loss = functional.cross_entropy(classes, labels)
        if self.options.loss == "hinge":
            loss = loss - source.mean()
        else:
            loss = loss + self.source_loss(source, True)
        loss.backward()
        self.optimizer_g.step()
        self.follow()
        return loss.detach()

    def source_loss(self, logits: Tensor, real: bool) -> Tensor:
        """Return the loss of "real or synthetic", binary cross-entropy or hinge."""
        if self.options.loss == "hinge":
            return functional.relu(1 - logits if real else 1 + logits).mean()
        return functional.binary_cross_entropy_with_logits(
            logits, torch.full_like(logits, float(real))
        )

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average of the generator's weights."""
        if self.average is None:
            return
        pairs = zip(self.average.parameters(), self.generator.parameters(), strict=True)
        for kept, current in pairs:
            kept.mul_(self.options.moving_average)
            kept.add_(current, alpha=1 - self.options.moving_average)


def augmented(images: Tensor, names: Sequence[str]) -> Tensor:
    """Return images after the differentiable changes of Zhao et al. 2020, as usually written."""
    count, _, height, width = images.shape
    for name in names:
        if name == "brightness":
            images = images + torch.rand(count, 1, 1, 1, device=images.device) - 0.5
        elif name == "contrast":
            mean = images.mean([1, 2, 3], keepdim=True)
            factor = torch.rand(count, 1, 1, 1, device=images.device) + 0.5
            images = (images - mean) * factor + mean
        elif name == "translation":
            images = _translated(images, height // 8, width // 8)
        elif name == "flip":
            flipped = torch.rand(count, 1, 1, 1, device=images.device) < 0.5
            images = torch.where(flipped, images.flip(3), images)
    return images


def _translated(images: Tensor, down: int, right: int) -> Tensor:
    count, _, height, width = images.shape
    device = images.device
    rows = torch.arange(height, device=device) + torch.randint(
        -down, down + 1, (count, 1), device=device
    )
    columns = torch.arange(width, device=device) + torch.randint(
        -right, right + 1, (count, 1), device=device
    )
    padded = functional.pad(images, (right, right, down, down)).permute(0, 2, 3, 1)
    number = torch.arange(count, device=device)[:, None, None]
    moved = padded[number, (rows + down)[:, :, None], (columns + right)[:, None, :]]
    return moved.permute(0, 3, 1, 2)
