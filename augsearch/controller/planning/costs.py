"""What work takes on this machine: measured once, and then known for a day.

Measuring loads torch and makes networks, which takes longer than all else that `augsearch check`
does. A study that is changed and checked again mostly asks for the same, so what was measured is
kept in the user's cache folder, in one small file for each thing that was measured. The name of the
file is a hash of all that the time depends on: settings, image shape, processors, threads, GPUs,
versions. Inside it stands how busy the machine was: a GAN that shares its processors with something
else may take ten times as long, so what was measured then says nothing of a quiet machine.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path
from pydantic import TypeAdapter

from augsearch.controller.planning.probes import (
    ClassifierCost,
    GeneratorCost,
    ToolsCost,
    measure_classifier,
    measure_generator,
    measure_tools,
)
from augsearch.controller.stages.preparation import (
    Prepared,
    StudyData,
)
from augsearch.errors import StorageError
from augsearch.files import read_json, write_json
from augsearch.study.schema.classifier import DiscriminatorOptions, PluginClassifierOptions
from augsearch.study.schema.generators import TrainedOptions

KEPT = timedelta(days=1)
"""For how long."""

_AS_BUSY = 0.25
"""Most that the load for each processor, mean of a minute, may have changed since."""

_OF_NO_ACCOUNT = {
    *("preset", "iterations", "epochs", "patience", "train_on", "select"),
    *("snapshot", "snapshot_every", "checkpoint_every"),
}
"""Settings that change how much work there is, not what a unit of it takes."""

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
_PACKAGES = ("augsearch", "torch", "torchvision", "numba")

Cost = TypeVar("Cost", ToolsCost, GeneratorCost, ClassifierCost)


class Costs:
    """What a study's generators and classifiers take here.

    Args:
        data: The study's images.
        prepare: Gives the same with everything that they are worked on with; called when something
            has to be measured, at most once.
        folder: Where measurements are kept.

    Attributes:
        oldest: When the oldest of the measurements that were asked for was made; None if all are
            this object's own.
    """

    def __init__(
        self, data: StudyData, prepare: Callable[[], Prepared], folder: Path | None = None
    ) -> None:
        self._data, self._prepare = data, prepare
        self._folder = folder or user_cache_path("augsearch") / "costs"
        self._known: dict[str, Any] = {}
        self.oldest: datetime | None = None

    def tools(self) -> ToolsCost:
        """Return the cost of what else is prepared; to be asked for before all others."""
        study = self._data.study
        facts = {"classifiers": [self._facts(name) for name in study.used_classifiers]}
        return self._kept(ToolsCost, facts, lambda: measure_tools(self._prepare))

    def generator(self, options: TrainedOptions) -> GeneratorCost:
        """Return the cost of a generator with these settings."""
        train = len(self._data.split.folds[0].train)
        facts = {
            "options": options.model_dump(mode="json", exclude=_OF_NO_ACCOUNT),
            "size": _about(train),
        }
        return self._kept(GeneratorCost, facts, lambda: measure_generator(self._prepare(), options))

    def classifier(self, name: str, trainings: int, size: int) -> ClassifierCost:
        """Return the cost of a classifier of the study.

        Args:
            name: Which one.
            trainings: How many it will train at most.
            size: Images in a training set, about.
        """
        options = self._data.study.classifier_named(name)
        size, trainings = _about(size), _about(trainings)

        def measure() -> ClassifierCost:
            return measure_classifier(self._prepare(), name, trainings, size)

        if isinstance(options, PluginClassifierOptions):  # its code may be another tomorrow
            return measure()
        facts = {**self._facts(name), "trainings": trainings, "size": size}
        return self._kept(ClassifierCost, facts, measure)

    def _facts(self, name: str) -> dict[str, Any]:
        """Return what tells a classifier from others."""
        options = self._data.study.classifier_named(name)
        facts = {
            "options": options.model_dump(mode="json", exclude=_OF_NO_ACCOUNT),
            "weights": _state(getattr(options, "weights", None)),
        }
        source = None
        if isinstance(options, DiscriminatorOptions):  # cannot be built of every source
            source = self._data.study.sources.get(options.source)
        if source:
            facts["source"] = source.model_dump(mode="json", exclude=_OF_NO_ACCOUNT)
        return facts

    def _kept(self, kind: type[Cost], facts: dict[str, Any], measure: Callable[[], Cost]) -> Cost:
        """Return what was measured before, here or in the last day; else measure and keep it."""
        named = {**facts, **self._circumstances, "kind": kind.__name__}
        key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
        path = self._folder / f"{key}.json"
        if key not in self._known:
            self._known[key] = self._read(path, kind)
        if self._known[key] is None:
            load = _load()  # of the minute before
            self._known[key] = measure()
            _keep(path, self._known[key], load)
        found: Cost = self._known[key]
        return found

    def _read(self, path: Path, kind: type[Cost]) -> Cost | None:
        # Damaged, of another format, of a clock that goes wrong: then it is measured anew.
        with suppress(OSError, StorageError, ValueError, KeyError, TypeError):
            kept = read_json(path)
            at = datetime.fromisoformat(kept["at"])
            is_recent = timedelta() <= datetime.now(UTC) - at < KEPT
            if is_recent and abs(_load() - kept["load"]) < _AS_BUSY:
                cost: Cost = TypeAdapter(kind).validate_python(kept["cost"])
                self.oldest = min(self.oldest or at, at)
                return cost
        return None

    @cached_property
    def _circumstances(self) -> dict[str, Any]:
        images = self._data.images
        return {
            "device": self._data.study.device,
            "shape": images.pixels.shape[1:],
            "classes": len(images.classes),
            "machine": platform.uname(),
            "cpus": _cpus(),
            "gpus": sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*")),
            "variables": {name: os.environ.get(name) for name in _VARIABLES},
            "versions": {name: version(name) for name in _PACKAGES},
        }


def _keep(path: Path, cost: ToolsCost | GeneratorCost | ClassifierCost, load: float) -> None:
    """Keep a measurement, and let go of those whose day is over."""
    with suppress(OSError, StorageError):  # a home folder may be read-only: measured again then
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"at": datetime.now(UTC).isoformat(), "load": load, "cost": asdict(cost)}
        write_json(path, kept)
        for other in path.parent.glob("*.json"):
            if time.time() - other.stat().st_mtime > KEPT.total_seconds():
                other.unlink(missing_ok=True)


def _about(count: int) -> int:
    """Return the power of two that is nearest: what is close costs the same by the unit."""
    return 1 << round(math.log2(max(1, count)))


def _cpus() -> list[int]:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _load() -> float:
    """Return how many programs want each processor; 0 where the system does not say."""
    return os.getloadavg()[0] / len(_cpus()) if hasattr(os, "getloadavg") else 0.0


def _state(weights: object) -> tuple[int, int] | None:
    """Return what tells a file of weights from what it was before."""
    if not isinstance(weights, Path):
        return None
    found = weights.stat()
    return found.st_size, found.st_mtime_ns
