"""Linear heads trained by Adam in mini-batches, many at once."""

from augsearch.classifiers.frozen.adam_heads.batches import HeadCell
from augsearch.classifiers.frozen.adam_heads.training import train_adam_heads

__all__ = ["HeadCell", "train_adam_heads"]
