"""The published networks that torchvision does not have, built with fresh weights."""

from __future__ import annotations

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from augsearch.classifiers.end_to_end.network import Network

SMALLEST_INPUT = 16
"""Pixels a side; below it three poolings leave a single pixel."""


def fridadar2018(size: int, channels: int, n_classes: int) -> Network:
    """Build the lesion classifier of Frid-Adar et al. 2018 (arXiv 1803.01229, section 2.2).

    Fixed by the paper: 64 x 64 x 1 input, three pairs of convolution and max pooling, two dense
    layers, ReLU, dropout of 0.5, about 1.3 million parameters. Chosen here, so that the count
    comes out (1,306,115 at three classes): 5 x 5 kernels that keep the size, 32, 64 and 128
    filters, 128 units in the first dense layer. Chosen as well: the dropout's place between the
    dense layers, and the Glorot uniform start with zero biases of the Keras library it was
    written in.

    Args:
        size: Pixels a side, >= 16.
        channels: Of the images, 1 or 3.
        n_classes: Outputs.
    """
    layers: list[nn.Module] = []
    for before, after in ((channels, 32), (32, 64), (64, 128)):
        # ReLU after the pooling: the same numbers and gradients, and a quarter of the work.
        layers += [nn.Conv2d(before, after, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(128 * (size // 8) ** 2, 128), nn.ReLU()]
    network = Network(nn.Sequential(*layers), nn.Linear(128, n_classes), dropout=0.5)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def roglin2022(channels: int, n_classes: int) -> Network:
    """Build the ResNet-18 for small images of Röglin et al. 2022.

    Fixed by the paper: ResNet-18 (He et al. 2016) for 64 x 64 x 1, whose last two stages no longer
    halve the side, then global average pooling; at 64 pixels the stages have sides of 16, 8, 8
    and 8. Chosen here: torchvision's first layers (7 x 7 convolution and max pooling, stride 2
    each) and its start weights.

    Args:
        channels: Of the images, 1 or 3.
        n_classes: Outputs.
    """
    body = ResNet(BasicBlock, [2, 2, 2, 2])
    if channels != 3:
        body.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(body.conv1.weight, mode="fan_out", nonlinearity="relu")
    for stage in (body.layer3, body.layer4):
        for layer in stage.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)
    n_features = body.fc.in_features
    body.fc = nn.Identity()
    return Network(body, nn.Linear(n_features, n_classes))
