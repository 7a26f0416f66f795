from augsearch.report.figures.forests import gain_forest
from augsearch.report.figures.overlays import overlaid_curves
from augsearch.study.results import ArmResult, HistoryEntry, Interval


def gain(value, low=None, high=None):
    return Interval(value=value, low=low, high=high)


GAINS = {"real": gain(-0.01, -0.05, 0.03), "search": gain(0.1, 0.05, 0.15), "degenerate": gain(0.2)}


def test_every_arm_is_a_row_with_its_gain(labels_of):
    svg = gain_forest({"auc": GAINS}, list(GAINS), ["search"], ["real"], [0.95])
    shown = labels_of(svg)
    assert {"real (control)", "search", "+0.100 (+0.050 to +0.150)", "+0.200"} <= shown
    assert "gain over the baseline on the test set, 95 % intervals" in shown
    assert "AUC: real (control) -0.010 (-0.050 to +0.030); search +0.100" in svg


def test_endpoints_stand_side_by_side_and_may_lack_an_arm(labels_of):
    gains = {"auc": GAINS, "kappa": {"search": gain(0.3, 0.1, 0.5)}}
    svg = gain_forest(gains, list(GAINS), ["search"], [], [0.9])
    assert {"gain in AUC", "gain in kappa"} <= labels_of(svg)
    assert "kappa: real -; search +0.300 (+0.100 to +0.500); degenerate -." in svg


def test_numbers_below_narrow_panels_stand_apart(labels_of):
    gains = {"a": gain(0.002), "b": gain(-0.008), "c": gain(-0.02)}
    shown = labels_of(
        gain_forest(dict.fromkeys(("auc", "npv", "ppv"), gains), gains, [], [], [0.9])
    )
    assert len([text for text in shown if text.lstrip("−").startswith("0.")]) <= 4


def test_curves_of_several_runs_are_told_apart(labels_of):
    def arm(scores, chosen):
        entries = [
            HistoryEntry(multiple=k, score=sum(one) / len(one), scores=one)
            for k, one in enumerate(scores, start=1)
        ]
        return ArmResult(
            multiple=chosen,
            unit="multiple",
            n_train=1,
            score=None if chosen is None else entries[chosen - 1].score,
            stopped_at=len(scores),
            reason="window",
            history=entries,
            test={},
            external=None,
            gain=None,
        )

    arms = {"a: search": arm([[0.5, 0.7], [0.75, 0.85]], 2), "b: search": arm([[0.6]], None)}
    svg = overlaid_curves(arms, "auc", "multiple")
    assert {"a: search", "b: search", "AUC on the tuning set"} <= labels_of(svg)
    assert "Chosen: a: search: 0.800 at K = 2." in svg


def test_gains_say_which_images_they_speak_of(labels_of):
    svg = gain_forest({"auc": GAINS}, list(GAINS), [], [], [0.95], "tuning set")
    assert "gain over the baseline on the tuning set, 95 % intervals" in labels_of(svg)
    assert "Gains over the baseline on the tuning set with 95 % intervals." in svg
