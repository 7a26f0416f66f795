"""A fitted classifier as one torch module: uint8 images in, class probabilities out."""

from __future__ import annotations

import copy
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from augsearch.classifiers.linear_head import LinearHead
from augsearch.classifiers.network_inputs import Inputs


@final
class ImageNetwork(nn.Module):
    """What a fitted classifier computes, with its normalisation inside, on the CPU.

    Nothing in it depends on the values of the images, so that it can be traced and exported. The
    last layer and the probabilities are computed in float64, as the classifiers do.

    Args:
        inputs: What the body sees of images.
        body: Maps that to what the last layer sees, (N, D); copied.
        head: The last layer.
    """

    scale: Tensor
    offset: Tensor
    mean_image: Tensor | None
    weight: Tensor
    bias: Tensor

    def __init__(self, inputs: Inputs, body: nn.Module, head: LinearHead) -> None:
        super().__init__()
        own = copy.deepcopy(body).cpu().requires_grad_(False)
        self.body = own.to(memory_format=torch.contiguous_format)
        self.outputs: Literal["softmax", "sigmoid"] = head.outputs
        self._size = (inputs.size, inputs.size)
        self._channels = inputs.transform.channels
        self._dtype = inputs.dtype
        mean, sd = (np.array(v) for v in (inputs.transform.mean, inputs.transform.sd))
        mean_image = None if inputs.mean_image is None else inputs.mean_image.cpu()
        self.register_buffer("mean_image", mean_image)
        self.register_buffer("scale", torch.tensor(1 / (255 * sd)).float().view(-1, 1, 1))
        self.register_buffer("offset", torch.tensor(-mean / sd).float().view(-1, 1, 1))
        # Copies: they may be parts of one array, which torch.export writes whole, with a warning.
        self.register_buffer("weight", torch.tensor(head.weight))
        self.register_buffer("bias", torch.tensor(head.bias))
        self.eval()

    @property
    def lowered(self) -> bool:
        """Whether the body computes in bfloat16."""
        return self._dtype == torch.bfloat16

    def in_float32(self) -> ImageNetwork:
        """Return the same network with a body that computes in float32; itself if it does."""
        if not self.lowered:
            return self
        raised = copy.deepcopy(self)
        raised.body.float()
        raised._dtype = torch.float32
        return raised

    def forward(self, images: Tensor) -> Tensor:
        """Return class probabilities, float32, (N, n_classes), of uint8, (N, H, W, 1 or 3)."""
        features = self.body(self._seen(images)).double()
        scores = functional.linear(features, self.weight, self.bias)
        if self.outputs == "sigmoid":  # in logarithms, so that the sum cannot vanish
            scores = functional.logsigmoid(scores)
        return functional.softmax(scores, dim=1).float()

    def _seen(self, images: Tensor) -> Tensor:
        x = images.permute(0, 3, 1, 2).float()
        if self.mean_image is not None:
            x = x - self.mean_image
        if x.shape[2:] != self._size:
            x = functional.interpolate(x, self._size, mode="bilinear", antialias=True)
        if x.shape[1] > self._channels:
            x = x.mean(dim=1, keepdim=True)
        x = x.expand(-1, self._channels, -1, -1).contiguous(memory_format=torch.channels_last)
        return torch.addcmul(self.offset, x, self.scale).to(self._dtype)
