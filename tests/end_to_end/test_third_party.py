"""A package of somebody else's brings a source and a classifier, found by their entry points."""

import os

import pytest

PACKAGE = '''\
import numpy as np

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.sources.base import Pool, Source


class Mirrored(Source):
    """Real training images, mirrored left to right and a little brighter."""

    def __init__(self, brighter=0):
        self.brighter = brighter

    def fit(self, train, context):
        return MirroredPool(train, self.brighter)


class MirroredPool(Pool):
    def __init__(self, train, brighter):
        self.train, self.brighter = train, brighter

    def images(self, label, start, stop):
        own = np.flatnonzero(self.train.labels == label)
        pixels = self.train.pixels[own[np.arange(start, stop) % len(own)]][:, :, ::-1]
        return np.clip(pixels.astype(int) + self.brighter, 0, 255).astype(np.uint8)


class NearestMean(Classifier):
    """Softmax of the distances to the class means of the pixels."""

    def fit(self, training_sets, notify=lambda event: None):
        return [FittedNearestMean(one) for one in training_sets]


class FittedNearestMean(FittedClassifier):
    def __init__(self, training_set):
        pixels, labels = training_set.pixels, training_set.labels
        classes = range(training_set.n_classes)
        self.means = np.stack([pixels[labels == c].mean(axis=0).ravel() for c in classes])

    def predict_proba(self, block):
        flat = block.pixels.reshape(len(block), -1).astype(float)
        distance = np.stack([np.abs(flat - mean).mean(axis=1) for mean in self.means], axis=1)
        weights = np.exp(-distance)
        return weights / weights.sum(axis=1, keepdims=True)
'''
ENTRY_POINTS = """\
[augsearch.sources]
mirrored = third_party:Mirrored
[augsearch.classifiers]
nearest-mean = third_party:NearestMean
"""
STUDY = """\
[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = 40
[split]
method = "given"
[sources.mirror]
kind = "mirrored"
options = {brighter = 3}
[classifier]
kind = "nearest-mean"
[arms.real]
[arms.search]
search = {source = "mirror", window = 2, max_multiple = 3}
[tracking]
enabled = false
"""


@pytest.fixture
def install(augsearch, monkeypatch):
    """Put the package's code on the path, in place of what is there."""
    site = augsearch.folder / "site"
    info = site / "third_party-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    augsearch.write(STUDY, "third.toml")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return (site / "third_party.py").write_text


def test_they_run_from_a_study_file(augsearch, install):
    install(PACKAGE)
    done = augsearch("run", "third.toml")
    assert done.returncode == 0, done.stderr
    search = augsearch.results("runs/third")["arms"]["search"]
    assert [entry["multiple"] for entry in search["history"]] == [1, 2, 3]
    assert search["test"]["auc"]["value"] > 0.5


def test_their_errors_are_one_message_and_the_run_goes_on(augsearch, install):
    install(PACKAGE.replace("flat = ", "flat = 1 / (len(self.means) - 2) * "))
    done = augsearch("run", "third.toml")
    assert done.returncode == 2
    _, _, said = done.stderr.partition("augsearch: one of the plugins 'nearest-mean' (third_party")
    assert "It raised ZeroDivisionError: division by zero (" in said
    line = PACKAGE[: PACKAGE.index("flat = ")].count("\n") + 1
    assert f"third_party.py, line {line}, in predict_proba)" in said
    assert "trainings.py" not in said  # the traceback begins in the package
    install(PACKAGE.replace("return weights / ", "return 2 * weights / "))
    done = augsearch("run", "third.toml")
    assert done.returncode == 2
    assert "classifier 'nearest-mean' must give class probabilities, 0 to 1" in done.stderr
    assert "Traceback" not in done.stderr
    install(PACKAGE)
    done = augsearch("run", "third.toml")
    assert done.returncode == 0, done.stderr


def test_without_the_package_the_kinds_are_unknown(augsearch):
    augsearch.write(STUDY, "third.toml")
    done = augsearch("run", "third.toml")
    assert done.returncode == 2
    assert "sources.mirror.kind: must be one of acgan" in done.stderr
    assert "classifier.kind: must be one of frozen" in done.stderr
    assert not (augsearch.folder / "runs").exists()
