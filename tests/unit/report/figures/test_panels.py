import re

import numpy as np
import pytest

from augsearch.report.contents import Likeness
from augsearch.report.figures import maps
from augsearch.report.figures.likenesses import likeness_curves
from augsearch.report.figures.maps import can_be_mapped, drawn_images, tsne_maps
from augsearch.report.figures.matrices import confusion_matrices
from augsearch.report.figures.training import quantities, training_curves
from augsearch.seeds import Seed

ARMS = [f"arm-{place}" for place in range(10)]


@pytest.mark.parametrize("n_classes", [2, 10])
def test_matrices_show_the_counts_of_every_arm(labels_of, n_classes):
    classes = [f"class number {c}" for c in range(n_classes)]
    counts = np.arange(n_classes**2, dtype=float).reshape(n_classes, n_classes) + 0.5
    matrices = dict.fromkeys(ARMS[: 20 // n_classes], counts)
    svg = confusion_matrices(matrices, classes)
    shown = labels_of(svg)
    assert {*matrices, "true class", "decided class", "0.5", "2.5"} <= shown
    assert svg == confusion_matrices(matrices, classes)


def test_letters_that_the_font_lacks_are_written_by_the_browser():
    counts = {"real": np.array([[3.0, 1.0], [0.0, 9.0]])}
    outlined = confusion_matrices(counts, ("süß", "β < 5"))
    assert "<text" not in outlined
    written = confusion_matrices(counts, ("正常", "β < 5"))
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", written)
    assert texts.count("正常") == 2
    assert {"β &lt; 5", "true class", "9"} <= set(texts)


def test_a_class_without_images_is_an_empty_row(labels_of):
    shown = labels_of(confusion_matrices({"real": np.array([[0.0, 0.0], [1.0, 9.0]])}, ("a", "b")))
    assert {"0", "1", "9", "a", "b"} <= shown


CURVES = {
    "real": {"training loss": [2.0, 1.0], "tuning loss": [2.0, 1.5], "tuning accuracy": [0.5, 0.6]},
    "more": {"training loss": [2.0]},
}


def test_training_curves_are_drawn_by_what_they_measure(labels_of):
    assert quantities(CURVES) == ("loss", "accuracy")
    loss = labels_of(training_curves(CURVES, "loss"))
    assert {"real", "more", "training", "tuning", "loss", "epoch"} <= loss
    accuracy = labels_of(training_curves(CURVES, "accuracy"))
    assert {"real", "accuracy"} <= accuracy
    assert "more" not in accuracy


def test_curves_without_epochs_are_none():
    assert quantities({"real": {"training loss": []}, "more": {}}) == ()


def test_maps_have_a_panel_per_arm_and_a_colour_per_class(labels_of):
    random = np.random.default_rng(0)
    features = {arm: random.normal(size=(12, 3)).astype(np.float32) for arm in ("real", "more")}
    labels = np.arange(12) % 2
    given = (features, labels, ("healthy", "ill"), Seed.of(0))
    svg = tsne_maps(*given)
    assert {"real", "more", "healthy", "ill"} <= labels_of(svg)
    assert svg == tsne_maps(*given)


def test_maps_of_many_images_show_some_of_every_run(monkeypatch):
    assert np.array_equal(drawn_images(7, Seed.of(0)), np.arange(7))
    monkeypatch.setattr(maps, "MAX_IMAGES", 5)
    chosen = drawn_images(50, Seed.of(0))
    assert len(set(chosen)) == 5
    assert np.array_equal(chosen, np.sort(chosen))
    assert np.array_equal(chosen, drawn_images(50, Seed.of(0)))


@pytest.mark.parametrize(
    ("features", "fits"),
    [
        (np.zeros((5, 2)), True),
        (np.zeros((4, 2)), False),
        (np.zeros((5, 1)), False),
        (np.full((5, 2), np.nan), False),
    ],
)
def test_what_can_be_mapped(features, fits):
    assert can_be_mapped(features.astype(np.float32)) is fits


def test_likeness_has_a_panel_per_class_and_the_line_of_real_images(make, likeness, labels_of):
    more = make().result.arms["more"]
    shown = labels_of(likeness_curves(more, likeness["more"]))
    assert {"a", "b", "added images", "real images", "chosen amount", "images added"} <= shown
    few = [Likeness("a", np.nan, np.array([1.0]), np.array([np.nan]), "")]
    assert "real images" not in labels_of(likeness_curves(more, few))
