"""Logistic regression on standardised features, to convergence."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from augsearch.classifiers.linear_head import LinearHead
from augsearch.events import Notify, Warned
from augsearch.study.schema.classifier import LogisticHead

_TOLERANCE = 1e-6
_MAX_ITERATIONS = 10_000
_LEAST_SCALE = 0.1
"""No feature is divided by less than this share of the median deviation of those that vary. One
that fires in a single training image would else be hundreds of deviations large wherever it fires
again: on the demo images that cost .01 AUC on average, .06 in the worst training, and the rounding
of bf16 decided which."""

_Floats = NDArray[np.float64]


def fit_logistic_head(
    features: NDArray[np.float32], labels: NDArray[np.int64], options: LogisticHead, notify: Notify
) -> LinearHead:
    """Minimise the cross-entropy plus penalty / 2 times the squared weights (bias free).

    Features are standardised by the mean and standard deviation of this training set first, but
    hardly blown up (`_LEAST_SCALE`); the head that is returned takes plain features.

    Args:
        features: float32, (M, D).
        labels: int64, (M,), every class 0 .. n_classes - 1 present.
        options: The penalty.
        notify: Is warned if the optimum was not reached.
    """
    mean, scale = _standardisation(features)
    standardised = (features - mean) / scale
    model = LogisticRegression(C=1 / options.penalty, tol=_TOLERANCE, max_iter=_MAX_ITERATIONS)
    # One thread: quicker at this size, and the last bits do not depend on the machine's cores.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(standardised, labels)
    if caught:
        notify(
            Warned(
                f"a logistic head on {len(labels)} images is not at its optimum after "
                f"{int(model.n_iter_.max())} iterations; a larger penalty helps."
            )
        )
    return _unstandardised(model, mean, scale)


def _standardisation(features: NDArray[np.float32]) -> tuple[_Floats, _Floats]:
    """Return what is subtracted from features and what they are divided by, float64, (D,) each."""
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    varying = deviation[deviation > 0]
    least = _LEAST_SCALE * np.median(varying) if len(varying) else 1.0
    return mean, np.maximum(deviation, least)


def _unstandardised(model: LogisticRegression, mean: _Floats, scale: _Floats) -> LinearHead:
    coefficients, intercept = model.coef_, model.intercept_
    if len(coefficients) == 1:  # two classes: the first one's score is 0
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([np.zeros_like(intercept), intercept])
    weight = coefficients / scale
    return LinearHead(weight, intercept - weight @ mean)
