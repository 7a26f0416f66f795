import numpy as np
import pytest
from sklearn.metrics import f1_score

from augsearch.report.contents import Likeness, Sample, Smoothed, TuningOutputs
from augsearch.report.figures.metrics_along import mean_over_cells, metric_curves
from augsearch.report.figures.search_curves import Surroundings, search_curve
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
    svg = search_curve(arm(SCORES, 2), "search", "auc", Surroundings(window, 0.7))
    assert {"K = 2", "search", "baseline", BAND, "AUC on the tuning set"} <= labels_of(svg)
    assert "K, size of the training set over the base size" in labels_of(svg)
    assert svg == search_curve(arm(SCORES, 2), "search", "auc", Surroundings(window, 0.7))


def test_a_single_amount_is_numbered_once(labels_of):
    sweep = SweepSearch(source="gan", rule="sweep", multiples=(2,))
    one = arm([None, SCORES[0]], 2)
    one = one.model_copy(update={"history": one.history[1:]})
    svg = search_curve(one, "search", "auc", Surroundings(sweep, 0.7))
    assert "2" in labels_of(svg)
    assert svg.count("<!-- 2 -->") == 1


def test_saturation_shows_what_is_within_the_tolerance(labels_of):
    search = SaturationSearch(source="gan", rule="saturation", added=(500, 1000), tolerance=0.01)
    shown = labels_of(
        search_curve(arm(SCORES, 2, "added", 500), "s", "accuracy", Surroundings(search))
    )
    assert {"within 0.01 of the best", "+1,000 images", "images added"} <= shown
    assert not any("window" in text for text in shown)


def test_a_sweep_shows_the_choice_alone(labels_of):
    search = SweepSearch(source="gan", rule="sweep", per_class=(100, 200))
    shown = labels_of(
        search_curve(arm(SCORES, 1, "per_class", 100), "s", "f1", Surroundings(search))
    )
    assert "images added of each class" in shown
    assert not any("no gain" in text or "within" in text for text in shown)


@pytest.mark.parametrize("search", [None, WindowSearch(source="gan", window=2)])
def test_a_search_without_a_choice_is_drawn_too(labels_of, search):
    shown = labels_of(search_curve(arm([None, [0.5]], None), "s", "auc", Surroundings(search)))
    assert "s" in shown
    assert not any(text.startswith(("K = ", "no gain")) for text in shown)


def test_what_is_known_beside_the_scores_is_drawn_and_said(labels_of):
    amounts = np.array([1.0, 2.0, 3.0])
    beside = Surroundings(
        smoothed=Smoothed(amounts, np.array([0.7, 0.75, 0.81]), np.full(3, 0.02), 2),
        confidence_set=(2.0, 3.0),
        controls={"repeated": arm([[0.6], [0.65]], 2)},
        likeness=[Likeness("ill", 0.3, amounts, np.array([np.nan, 0.5, 0.4]), "")],
    )
    svg = search_curve(arm(SCORES, 2), "search", "auc", beside)
    shown = labels_of(svg)
    assert {
        "smoothed (Gaussian process), ± 1 SD",
        "as good as the best (confidence set)",
        "repeated (control)",
        "ill",
        "MS-SSIM within class",
    } <= shown
    for sentence in (
        "from K = 1 (0.750) to K = 4 (0.725)",
        "Chosen: K = 2 with 0.850.",
        "Smoothed curve: best at K = 3 with 0.810.",
        "2 amounts cannot be told from the best.",
        "Control repeated: 0.650.",
        "ill 0.50 at K = 2 and 0.40 at K = 3, real images 0.30.",
    ):
        assert sentence in svg


def test_nothing_is_drawn_that_is_not_known(labels_of):
    shown = labels_of(search_curve(arm(SCORES, 2), "search", "auc", Surroundings()))
    assert not any("smoothed" in text or "control" in text or "MS-SSIM" in text for text in shown)
    assert not any("confidence" in text for text in shown)


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
        f1_score(fold.labels, run[:, 1] >= 0.5) for fold in one.folds for run in fold.probabilities
    ]
    assert mean_over_cells("f1", one) == pytest.approx(np.mean(expected))


def test_a_metric_undefined_in_a_cell_is_a_gap():
    labels = np.array([0, 1] * 5)
    never, right = np.tile([0.9, 0.1], (10, 1)), np.eye(2)[labels]
    one = TuningOutputs(1.0, 10, [Sample(labels, np.stack([never, right]))])
    assert np.isnan(mean_over_cells("ppv", one))
