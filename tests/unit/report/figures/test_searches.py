import numpy as np
import pytest
from sklearn.metrics import f1_score

from augsearch.report.contents import TuningOutputs
from augsearch.report.figures.searches import mean_over_cells, metric_curves, search_curve
from augsearch.study.results import ArmResult, HistoryEntry
from augsearch.study.schema.arms import SaturationSearch, SweepSearch, WindowSearch


def arm(scores, chosen, unit="multiple", step=1.0):
    history = [
        HistoryEntry(
            multiple=k * step, score=None if s is None else float(np.mean(s)), scores=s or []
        )
        for k, s in enumerate(scores, start=1)
    ]
    return ArmResult(
        multiple=None if chosen is None else history[chosen - 1].multiple,
        unit=unit,
        n_train=10,
        score=None if chosen is None else history[chosen - 1].score,
        stopped_at=history[-1].multiple,
        reason="window",
        history=history,
        test={},
        external=None,
        gain=None,
    )


SCORES = [[0.7, 0.8], [0.8, 0.9], None, [0.7, 0.75]]
BAND = "no gain since the choice (window 2)"


def test_a_sliding_window_shows_the_amounts_without_a_gain(labels_of):
    window = WindowSearch(source="gan", window=2)
    svg = search_curve(arm(SCORES, 2), "search", "auc", window, 0.7)
    assert {"K = 2", "search", "baseline", BAND, "AUC on the tuning set"} <= labels_of(svg)
    assert "K, size of the training set over the base size" in labels_of(svg)
    assert svg == search_curve(arm(SCORES, 2), "search", "auc", window, 0.7)


def test_saturation_shows_what_is_within_the_tolerance(labels_of):
    search = SaturationSearch(source="gan", rule="saturation", added=(500, 1000), tolerance=0.01)
    shown = labels_of(search_curve(arm(SCORES, 2, "added", 500), "s", "accuracy", search))
    assert {"within 0.01 of the best", "+1,000 images", "images added"} <= shown
    assert not any("window" in text for text in shown)


def test_a_sweep_shows_the_choice_alone(labels_of):
    search = SweepSearch(source="gan", rule="sweep", per_class=(100, 200))
    shown = labels_of(search_curve(arm(SCORES, 1, "per_class", 100), "s", "f1", search))
    assert "images added of each class" in shown
    assert not any("no gain" in text or "within" in text for text in shown)


@pytest.mark.parametrize("search", [None, WindowSearch(source="gan", window=2)])
def test_a_search_without_a_choice_is_drawn_too(labels_of, search):
    shown = labels_of(search_curve(arm([None, [0.5]], None), "s", "auc", search))
    assert "s" in shown
    assert not any(text.startswith(("K = ", "no gain")) for text in shown)


def test_all_metrics_against_the_size_of_the_training_set(make, labels_of):
    contents = make()
    more = contents.result.arms["more"]
    shown = labels_of(metric_curves(more, "more", contents.tuning["more"]))
    kong = {"accuracy", "sensitivity", "specificity", "F1", "PPV", "NPV", "AUC"}
    assert kong <= shown
    assert any("chosen, +500 images" in text for text in shown)


def test_a_point_is_the_mean_over_folds_and_replicates(make):
    one = make(n_folds=2).tuning["more"][0]
    expected = [
        f1_score(labels, run[:, 1] >= 0.5) for labels, values in one.folds for run in values
    ]
    assert mean_over_cells("f1", one) == pytest.approx(np.mean(expected))


def test_a_metric_undefined_in_a_cell_is_a_gap():
    labels = np.array([0, 1] * 5)
    never, right = np.tile([0.9, 0.1], (10, 1)), np.eye(2)[labels]
    one = TuningOutputs(1.0, 10, [(labels, np.stack([never, right]))])
    assert np.isnan(mean_over_cells("ppv", one))
