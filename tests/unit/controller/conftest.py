"""A small study, ready to be run, whose classifiers and sources say what they were given."""

from types import SimpleNamespace

import numpy as np
import pytest

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.controller.mirror import Mirror
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages import preparation
from augsearch.controller.stages.arms import search_arm
from augsearch.controller.stages.fitting import empty_folds, fit_sources
from augsearch.controller.stages.preparation import prepare
from augsearch.events import silent
from augsearch.sources.base import Source
from augsearch.sources.registry import create_source
from augsearch.study.order import sources_of
from augsearch.study.schema.study import StudyFile

STUDY = {
    "name": "small",
    "images": {"size": 8},
    "data": {"kind": "demo", "train": 24, "tune": 18, "test": 24},
    "external": {"kind": "demo", "site": "shifted", "test": 10},
    "split": {"method": "given"},
    "sources": {"repeat": {"kind": "repeat"}},
    "arms": {"real": {}},
    "evaluation": {"replicates": 2, "test_replicates": 3},
    "tracking": {"enabled": False},
}


class Noisy(Classifier):
    """Nearest class mean, and as much noise as the head's learning rate says; keeps a log."""

    def __init__(self, options, log):
        self.options, self.log = options, log

    def fit(self, training_sets, notify=None):
        self.log += [(self.options, one) for one in training_sets]
        return [FittedNoisy(one, self.options.head.learning_rate) for one in training_sets]


class FittedNoisy(FittedClassifier):
    def __init__(self, training_set, noise):
        images = training_set.images(("no", "yes"))
        flat = images.pixels.reshape(len(images), -1)
        self.means = [flat[images.labels == label].mean(axis=0) for label in (0, 1)]
        self.seed, self.noise = training_set.seed, noise

    def predict_proba(self, block):
        flat = block.pixels.reshape(len(block), -1)
        near = [-np.abs(flat - mean).mean(axis=1) / 50 for mean in self.means]
        noise = self.noise * self.seed.generator().normal(size=len(block))
        positive = 1 / (1 + np.exp(near[0] - near[1] + noise))
        return np.stack([1 - positive, positive], axis=1)


class Logged(Source):
    """Another source; keeps the images and the context that it is fitted with."""

    def __init__(self, source, log):
        self.source, self.log = source, log

    def fit(self, train, context):
        self.log.append((train, context))
        return self.source.fit(train, context)


@pytest.fixture
def ready(tmp_path, monkeypatch):
    """Give changes of STUDY -> all that a run has once it is prepared, and two logs."""
    trained, fitted = [], []
    monkeypatch.setattr(preparation, "create_classifier", lambda o, **_: Noisy(o, trained))
    monkeypatch.setattr(preparation, "create_source", lambda o: Logged(create_source(o), fitted))

    def make(**changes):
        study = StudyFile.model_validate(STUDY | changes)
        directory = RunDirectory(tmp_path / "run")
        prepared = prepare(study, directory.artifacts, silent)
        trained.clear()
        fitted.clear()
        return SimpleNamespace(
            study=study,
            directory=directory,
            prepared=prepared,
            folds=empty_folds(prepared),
            trained=trained,
            fitted=fitted,
        )

    return make


@pytest.fixture
def search():
    """Search arms of what `ready` made, in the order given -> name -> searched arm."""

    def run(world, *names, **changes):
        prepared, directory = world.prepared, world.directory
        mirror = changes.get("mirror", Mirror(world.study, directory, silent))
        searched, chosen = {}, {}
        for name in names:
            needed = sources_of(world.study.arms[name])
            fit_sources(needed, prepared, directory, {0: world.folds}, searched, silent)
            searched[name] = search_arm(
                changes.get("prepared", prepared),
                directory,
                world.folds,
                name,
                chosen,
                mirror,
                changes.get("notify", silent),
            )
            if searched[name].multiple is not None:
                chosen[name] = searched[name].multiple
        return searched

    return run


class Slow(Classifier, FittedClassifier):
    """Takes 60 s to begin, 1 s for an image's features and 0.01 s to train on one."""

    fits_together = True

    def __init__(self, clock):
        self.clock, self.seen = clock, set()

    def see(self, block):
        if not self.seen:
            self.clock.now += 60
        if block.key not in self.seen:
            self.clock.now += len(block)
        self.seen.add(block.key)

    def fit(self, training_sets, notify=None):
        for one in training_sets:
            for portion in one.portions:
                self.see(portion.block)
            self.clock.now += 0.01 * len(one)
        return [self] * len(training_sets)

    def predict_proba(self, block):
        self.see(block)


class Clock:
    Slow = Slow
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A clock that the `Slow` classifiers, which all studies then have, move on."""
    clock = Clock()
    monkeypatch.setattr("augsearch.controller.planning.probes.time", clock)
    monkeypatch.setattr(preparation, "create_classifier", lambda *a, **k: Slow(clock))
    return clock
