import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from augsearch.classifiers.frozen import logistic_heads
from augsearch.classifiers.frozen.logistic_heads import fit_logistic_head
from augsearch.events import Event, Warned, silent
from augsearch.study.schema.classifier import LogisticHead


def problem(n_classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(n_classes)
    labels = np.arange(60) % n_classes
    features = rng.normal(size=(60, 5)) * [1, 10, 0.5, 3, 0] + [0, 50, 0, -2, 7]
    features[:, 0] += labels
    return features.astype(np.float32), labels.astype(np.int64)


def reference(
    features: NDArray[np.float32], labels: NDArray[np.int64], penalty: float, n_classes: int
) -> NDArray[np.float64]:
    """Minimise the penalised cross-entropy of standardised features with SciPy."""
    x = features.astype(np.float64)
    sd = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(sd > 1e-9, sd, 1)
    # Two classes have one score, more have one each, as scikit-learn counts the penalty.
    n_scores = 1 if n_classes == 2 else n_classes

    def scores(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        w = flat.reshape(n_scores, 6)
        z = x @ w[:, :5].T + w[:, 5]
        return np.hstack([np.zeros((len(x), 1)), z]) if n_scores == 1 else z

    def loss(flat: NDArray[np.float64]) -> float:
        weights = flat.reshape(n_scores, 6)[:, :5]
        fit = -log_softmax(scores(flat), axis=1)[np.arange(len(x)), labels].sum()
        return float(fit + penalty / 2 * (weights**2).sum())

    found = minimize(loss, np.zeros(n_scores * 6), method="BFGS", options={"gtol": 1e-7})
    return softmax(scores(found.x), axis=1)


@pytest.mark.parametrize("penalty", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_at_the_optimum(penalty: float, n_classes: int) -> None:
    features, labels = problem(n_classes)
    head = fit_logistic_head(
        features, labels, LogisticHead(kind="logistic", penalty=penalty), silent
    )
    expected = reference(features, labels, penalty, n_classes)
    np.testing.assert_allclose(head.predict_proba(features), expected, atol=1e-4)
    assert head.weight.shape == (n_classes, 5)


def test_stopping_short_of_the_optimum_is_told_and_not_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[Event] = []
    monkeypatch.setattr(logistic_heads, "_MAX_ITERATIONS", 1)
    fit_logistic_head(*problem(2), LogisticHead(kind="logistic", penalty=1e-3), events.append)
    assert len(events) == 1
    assert isinstance(events[0], Warned)
    assert "60 images" in events[0].message


def test_nothing_is_told_when_all_is_well() -> None:
    events: list[Event] = []
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 300)).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    fit_logistic_head(features, labels, LogisticHead(kind="logistic"), events.append)
    assert events == []


def test_a_feature_that_fires_once_does_not_outweigh_the_others() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    features = np.concatenate([rng.normal(size=(60, 4)) + labels[:, None], np.zeros((60, 1))], 1)
    features[7, 4] = 1e-4  # rounding made it fire
    head = fit_logistic_head(
        features.astype(np.float32), labels, LogisticHead(kind="logistic"), silent
    )
    again = np.concatenate([features[:1, :4], [[0.1]]], axis=1)
    without = np.concatenate([features[:1, :4], [[0.0]]], axis=1)
    change = head.predict_proba(again.astype(np.float32)) - head.predict_proba(
        without.astype(np.float32)
    )
    assert np.abs(change).max() < 0.01
    constant = np.full((4, 2), 3, dtype=np.float32)
    even = fit_logistic_head(
        constant, np.array([0, 1, 0, 1]), LogisticHead(kind="logistic"), silent
    )
    np.testing.assert_allclose(even.predict_proba(constant), 0.5)
