import math

import numpy as np
import pytest

from augsearch.records import Evaluation
from augsearch.tracking import layout
from augsearch.tracking.outbox import Point

CELLS = [(0, 0), (0, 1), (1, 0)]


def test_a_trial_is_a_mean_an_error_and_a_score_per_cell() -> None:
    scores = [0.5, 0.75, 0.625]
    points = layout.score_points("search", Evaluation.of(14, scores), CELLS)
    mean, error = points[:2]
    assert (mean.run, mean.key, mean.step) == ("arm/search", "score", 14)
    assert (error.run, error.key, error.step) == ("arm/search", "score_se", 14)
    assert mean.value == pytest.approx(np.mean(scores))
    assert error.value == pytest.approx(np.std(scores, ddof=1) / np.sqrt(3))
    assert points[2:] == (
        Point("arm/search/fold 0, replicate 0", "score", 14, 0.5),
        Point("arm/search/fold 0, replicate 1", "score", 14, 0.75),
        Point("arm/search/fold 1, replicate 0", "score", 14, 0.625),
    )


def test_one_cell_has_no_error() -> None:
    points = layout.score_points("a", Evaluation.of(2, [0.5]), [(0, 0)])
    assert [point.key for point in points] == ["score", "score"]


def test_a_nan_score_stays_nan_and_has_no_error() -> None:
    points = layout.score_points("a", Evaluation.of(2, [0.5, math.nan]), CELLS[:2])
    assert [(p.run, p.key) for p in points if math.isnan(p.value)] == [
        ("arm/a", "score"),
        ("arm/a/fold 0, replicate 1", "score"),
    ]
    assert "score_se" not in {point.key for point in points}


def test_scores_and_cells_must_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        layout.score_points("a", Evaluation.of(2, [0.5, 0.6]), CELLS)


def test_fractions_have_steps_of_their_own() -> None:
    points = layout.score_points("a", Evaluation.of(1.29, [0.5]), [(0, 0)], scaled=True)
    assert {(point.key, point.step) for point in points} == {("score_x100", 129)}


def test_runs_of_different_kinds_never_share_a_key() -> None:
    keys = {
        layout.arm_run("study").run,
        layout.study_run().run,
        layout.source_run("study", 0).run,
        layout.cell_run("study", 0, 0).run,
    }
    assert len(keys) == 4


def test_parameters_are_cut_to_what_mlflow_takes() -> None:
    action = layout.parameters("a", {"arms.x.add[0]": "y" * 7000, "k" * 300: "1"})
    assert action.parameters == {"arms.x.add_0_": "y" * 6000, "k" * 250: "1"}


def test_names_that_mlflow_would_take_for_one_are_numbered() -> None:
    values = {"ms_ssim_Tis/T1": 1.0, "ms_ssim_Tis:T1": 2.0, "ms_ssim_Tis_T1": 3.0, "k" * 300: 4.0}
    points = layout.metric_points("a", values | {"k" * 301: 5.0}, step=0)
    assert [point.key for point in points[:3]] == [
        "ms_ssim_Tis_T1",
        "ms_ssim_Tis_T1_2",
        "ms_ssim_Tis_T1_3",
    ]
    assert [point.value for point in points] == [1, 2, 3, 4, 5]
    assert len({point.key for point in points}) == 5
    assert all(len(point.key) <= 250 for point in points)
    words = layout.parameters("a", {"contains.a/b": "x", "contains.a(b": "y"}).parameters
    assert words == {"contains.a_b": "x", "contains.a_b_2": "y"}
