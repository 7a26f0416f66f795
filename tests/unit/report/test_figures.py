import base64
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import roc_auc_score

from augsearch.report.contents import Outputs
from augsearch.report.figures import gallery_png, mean_roc, roc_curves, search_curve
from augsearch.study.results import ArmResult, HistoryEntry


def outputs(seed, n_classes=2, runs=3, n=40, grid=8):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    logits = random.integers(0, grid, (runs, n, n_classes)).astype(float)
    logits[:, np.arange(n), labels] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return labels, probabilities


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_the_area_under_the_mean_curve_is_the_mean_auc(seed, n_classes):
    labels, probabilities = outputs(seed, n_classes)
    positives = [1] if n_classes == 2 else range(n_classes)
    expected = np.mean(
        [roc_auc_score(labels == one, run[:, one]) for run in probabilities for one in positives]
    )
    rates, hits = mean_roc(labels, probabilities)
    assert np.trapezoid(hits, rates) == pytest.approx(expected, abs=1e-12)
    assert np.all(np.diff(rates) >= 0)
    assert np.all(np.diff(hits) >= -1e-12)


def arm(scores, multiple):
    history = [
        HistoryEntry(multiple=k + 1, score=None if s is None else sum(s) / len(s), scores=s or [])
        for k, s in enumerate(scores)
    ]
    return ArmResult(
        multiple=multiple,
        n_train=10,
        score=history[multiple - 1].score,
        stopped_at=len(history),
        reason="window",
        history=history,
        test={},
        external=None,
        gain=None,
    )


def test_the_search_curve_is_svg_that_says_what_was_chosen():
    svg = search_curve(arm([[0.7, 0.8], [0.8, 0.9], None, [0.7, 0.75]], 2), "a", "auc", 2, 0.7)
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert svg == search_curve(
        arm([[0.7, 0.8], [0.8, 0.9], None, [0.7, 0.75]], 2), "a", "auc", 2, 0.7
    )


def test_roc_figure_is_svg():
    labels, probabilities = outputs(0)
    svg = roc_curves(Outputs(labels, {"a": probabilities}), "test set")
    assert ElementTree.fromstring(svg).tag.endswith("svg")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gallery_shows_its_pixels(channels):
    pixels = np.arange(2 * 8 * 8 * channels, dtype=np.uint8).reshape(2, 8, 8, channels)
    uri = gallery_png(pixels, scale_to=16)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert picture.shape[:2] == (16, 2 * 18)
    small = picture[::2, :16:2].reshape(8, 8, channels)
    assert np.array_equal(small, pixels[0])
