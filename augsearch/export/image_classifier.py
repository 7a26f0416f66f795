"""Loads an exported classifier for MLflow. Copied into the model: it needs torch, not augsearch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

PROGRAM, DESCRIPTION = "model.pt2", "model.json"

_BATCH = 64


class ImageClassifier:
    """A classifier of images.

    Args:
        folder: Holds model.pt2 and model.json.

    Attributes:
        classes: Class names.
        shape: Height, width and channels of an image.
    """

    def __init__(self, folder: Path) -> None:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        self.classes: list[str] = described["classes"]
        self.shape: tuple[int, ...] = tuple(described["image_shape"])
        self._network = torch.export.load(folder / PROGRAM).module()

    def predict(self, images: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return the probability of each class, one column each, of uint8, (N, H, W, C)."""
        pixels = np.asarray(images)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != self.shape:
            raise ValueError(
                f"images must be uint8 of shape (N, {', '.join(map(str, self.shape))}) but are "
                f"{pixels.dtype} of shape {pixels.shape}."
            )
        parts = [np.empty((0, len(self.classes)))]
        with torch.inference_mode():
            for start in range(0, len(pixels), _BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(pixels[start : start + _BATCH]))
                parts.append(self._network(batch).double().numpy())
        return pd.DataFrame(np.concatenate(parts), columns=self.classes)


def _load_pyfunc(path: str) -> ImageClassifier:
    """Return the model; MLflow calls this by its name."""
    return ImageClassifier(Path(path))
