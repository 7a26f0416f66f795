"""The loop a user would write: a frozen network, a new head, every image forwarded every epoch.

Fair on purpose: pixels are normalised and on the device before the clock starts, the backbone is in
evaluation mode and under ``no_grad``, nothing is logged. Head, batches and learning rate are those
of augsearch, so that both train the same head.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from augsearch.classifiers.frozen.adam_heads import HeadCell
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import AdamHead


def train_plainly(
    backbone: nn.Module,
    images: Tensor,
    labels: Tensor,
    n_features: int,
    options: AdamHead,
    seed: Seed,
    most_steps: int | None = None,
) -> nn.Linear:
    """Train a softmax head of two classes on what `backbone` makes of `images`.

    Args:
        backbone: Frozen, in evaluation mode; `nn.Identity` for images that are features already.
        images: (M, ...), on the backbone's device.
        labels: int64, (M,), on the same device.
        n_features: What `backbone` gives per image.
        options: Epochs, batch size, learning rate.
        seed: As in a `HeadCell`.
        most_steps: Stop early, to time a part; default: all epochs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed.child("head").integer())
        head = nn.Linear(n_features, 2)
    head.to(images.device)
    optimiser = torch.optim.Adam(head.parameters(), lr=options.learning_rate)
    decay = options.learning_rate / options.epochs if options.decay is None else options.decay
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: 1 / (1 + decay * t))
    steps = 0
    numbers = np.arange(len(labels))
    for [order], _ in HeadCell(numbers, numbers, seed).layouts(options.epochs, 1):
        for batch in torch.from_numpy(order).to(images.device).split(options.batch_size):
            with torch.no_grad():
                features = backbone(images[batch])
            loss = functional.cross_entropy(head(features), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            steps += 1
            if steps == most_steps:
                return head
    return head
