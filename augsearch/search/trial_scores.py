"""The scores of a trial, as attributes of it, with a checksum of settings and scores."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from augsearch.search.database import damaged

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

_SCORES, _CHECKSUM = "scores", "crc32"


def keep_scores(trial: Trial, scores: Sequence[float]) -> None:
    """Write the scores of a trial down before it is told; they may be NaN or infinite."""
    # JSON knows neither NaN nor infinities: "nan", "inf", "-inf".
    written = [score if math.isfinite(score) else str(score) for score in scores]
    trial.set_user_attr(_SCORES, written)
    trial.set_user_attr(_CHECKSUM, _checksum(trial.params, written))


def kept_scores(trial: FrozenTrial) -> tuple[float, ...]:
    """Return the scores of a trial; the value of one that has none beside it.

    Raises:
        StorageError: Settings or scores are not what was written.
    """
    written = trial.user_attrs.get(_SCORES, trial.values)
    if trial.user_attrs.get(_CHECKSUM, (right := _checksum(trial.params, written))) != right:
        raise damaged(f"trial {trial.number} does not match its checksum")
    return tuple(map(float, written))


def _checksum(settings: Mapping[str, Any], scores: Sequence[float | str]) -> str:
    content = json.dumps([dict(settings), list(scores)], sort_keys=True)
    return f"{zlib.crc32(content.encode()):08x}"
