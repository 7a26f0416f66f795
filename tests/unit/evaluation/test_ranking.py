import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.evaluation import ranking
from augsearch.evaluation.ranking import placements, roc
from augsearch.seeds import Seed


def _naive(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> list[float]:
    """Compare every pair of classes in plain loops."""
    found = []
    for label, score in zip(labels, scores, strict=True):
        sign = 1 if label == 1 else -1
        others = scores[labels != label]
        wins = [1.0 if sign * (score - o) > 0 else 0.5 if score == o else 0.0 for o in others]
        found.append(sum(wins) / len(wins))
    return found


@pytest.mark.parametrize("levels", [2, 5, 10_000])
def test_equals_plain_loops_with_and_without_ties(levels: int) -> None:
    generator = Seed.of(levels).generator()
    labels = generator.permutation([1] * 9 + [0] * 14)
    scores = generator.integers(0, levels, (6, 23)) / levels
    expected = [_naive(labels, row) for row in scores]
    np.testing.assert_allclose(placements(labels, scores), expected, atol=1e-15)


def test_blocks_do_not_change_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Seed.of(1).generator().integers(0, 9, (7, 20))
    labels = np.arange(20) % 2
    whole = placements(labels, scores)
    monkeypatch.setattr(ranking, "_BLOCK_VALUES", 50)
    np.testing.assert_array_equal(placements(labels, scores), whole)


def test_keeps_leading_axes() -> None:
    scores = Seed.of(2).generator().normal(size=(2, 3, 8))
    labels = np.arange(8) % 2
    assert placements(labels, scores).shape == (2, 3, 8)
    np.testing.assert_array_equal(
        placements(labels, scores)[1, 2], placements(labels, scores[1, 2])
    )


def test_infinite_scores_are_ordered() -> None:
    assert placements([1, 0, 0], [np.inf, -np.inf, np.inf]).tolist() == [0.75, 1.0, 0.5]


def test_nan_spoils_its_own_model_alone() -> None:
    found = placements([1, 0], [[np.nan, 0.0], [1.0, 0.0]])
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0]])
def test_one_class_is_undefined(labels: list[int]) -> None:
    assert np.isnan(placements(labels, [0.1, 0.2, 0.3])).all()


def test_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match=r"scores \(\.\.\., N\) but got \(2,\) and \(3,\)"):
        placements([0, 1], [0.1, 0.2, 0.3])


def test_roc_curve_encloses_the_auc() -> None:
    labels = np.arange(50) % 2
    scores = labels + Seed.of(3).generator().normal(size=50)
    false_positives, true_positives = roc(labels, scores)
    area = np.trapezoid(true_positives, false_positives)
    assert area == pytest.approx(placements(labels, scores)[labels == 1].mean())
    assert (false_positives[0], true_positives[-1]) == (0, 1)


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_roc_curve_needs_both_classes(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="labels must hold both classes"):
        roc(labels, [0.1, 0.2])
