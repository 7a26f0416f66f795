import math

import pytest
import torch
from torch import nn

from augsearch.classifiers.end_to_end.early_stopping import EarlyStopping


@pytest.mark.parametrize(
    ("patience", "losses", "stopped", "best"),
    [
        (2, [3, 2, 1, 1.5, 1.2, 0], 5, 3),  # what would have come later does not count
        (3, [3, 2, 1, 1.5, 1.2, 0.5, 9, 9, 9], 9, 6),
        (2, [1, 1, 1, 0], 3, 1),  # an equal loss is no gain
        (1, [5, 4, 3], None, 3),
        (1, [math.inf, 2, 3], 1, None),
    ],
)
def test_the_best_epoch_is_kept(
    patience: int, losses: list[float], stopped: int | None, best: int | None
) -> None:
    stopping, network, over = EarlyStopping(patience), nn.Linear(1, 1), None
    for epoch, loss in enumerate(losses, start=1):
        nn.init.constant_(network.weight, epoch)
        if stopping.is_over(loss, network):
            over = epoch
            break
    assert over == stopped
    last = network.weight.item()
    stopping.restore(network)
    assert network.weight.item() == (last if best is None else best)


def test_the_statistics_of_batch_norms_go_back_too() -> None:
    network, stopping = nn.BatchNorm1d(2), EarlyStopping(1)
    images = torch.arange(8.0).view(4, 2)
    network(images)
    kept = network.running_mean.clone()
    stopping.is_over(1.0, network)
    network(10 * images)
    stopping.restore(network)
    assert torch.equal(network.running_mean, kept)
