"""A package of somebody else's brings a source and a classifier, found by their entry points."""

import os

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


def test_they_run_from_a_study_file(augsearch, monkeypatch):
    site = augsearch.folder / "site"
    info = site / "third_party-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "third_party.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    augsearch.write(STUDY, "third.toml")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    done = augsearch("run", "third.toml")
    assert done.returncode == 0, done.stderr
    search = augsearch.results("runs/third")["arms"]["search"]
    assert [entry["multiple"] for entry in search["history"]] == [1, 2, 3]
    assert search["test"]["auc"]["value"] > 0.5


def test_without_the_package_the_kinds_are_unknown(augsearch):
    augsearch.write(STUDY, "third.toml")
    done = augsearch("run", "third.toml")
    assert done.returncode == 2
    assert "sources.mirror.kind: must be one of acgan" in done.stderr
    assert "classifier.kind: must be one of frozen" in done.stderr
    assert not (augsearch.folder / "runs").exists()
