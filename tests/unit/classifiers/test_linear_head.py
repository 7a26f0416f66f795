from typing import Literal

import numpy as np
import pytest

from augsearch.classifiers.linear_head import LinearHead

FEATURES = np.array([[1.0, 2.0], [-3.0, 0.5]], dtype=np.float32)
WEIGHT = np.array([[0.2, -0.4], [1.0, 0.3], [-0.5, 0.1]])
BIAS = np.array([0.1, 0.0, -0.2])
Z = FEATURES @ WEIGHT.T + BIAS


def test_softmax_probabilities() -> None:
    expected = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(LinearHead(WEIGHT, BIAS).predict_proba(FEATURES), expected)


def test_sigmoid_probabilities_are_shares_of_the_sigmoids() -> None:
    s = 1 / (1 + np.exp(-Z))
    found = LinearHead(WEIGHT, BIAS, "sigmoid").predict_proba(FEATURES)
    np.testing.assert_allclose(found, s / s.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("outputs", ["softmax", "sigmoid"])
@pytest.mark.parametrize("factor", [-1e5, 1e5])
def test_extreme_scores_still_add_up_to_one(
    outputs: Literal["softmax", "sigmoid"], factor: float
) -> None:
    found = LinearHead(WEIGHT, BIAS + factor, outputs).predict_proba(FEATURES)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found.dtype == np.float64


def test_many_rows_are_done_in_parts() -> None:
    features = np.random.default_rng(0).normal(size=(9001, 2)).astype(np.float32)
    head = LinearHead(WEIGHT, BIAS)
    np.testing.assert_allclose(head.predict_proba(features)[-1:], head.predict_proba(features[-1:]))
    assert head.predict_proba(features[:0]).shape == (0, 3)
