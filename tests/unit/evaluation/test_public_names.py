"""What users import from augsearch.evaluation itself."""

import importlib

import numpy as np
import pytest

from augsearch import evaluation


def test_the_published_functions_are_importable_from_the_room_itself():
    labels = [1, 1, 1, 1, 0, 0, 0, 0]
    first = [0.9, 0.8, 0.35, 0.6, 0.4, 0.3, 0.7, 0.1]
    second = [0.8, 0.9, 0.6, 0.7, 0.2, 0.5, 0.4, 0.3]
    found = evaluation.delong_test(labels, first, second)
    assert (found.auc_a, found.auc_b) == (13 / 16, 1)
    assert found.variance == pytest.approx(11 / 384)
    aucs, covariance = evaluation.auc_covariance(labels, [first, second])
    assert aucs == pytest.approx([13 / 16, 1])
    difference = np.array([1, -1])
    assert difference @ covariance @ difference == pytest.approx(11 / 384)


def test_the_verdict_is_the_function_even_after_its_module_was_asked_for():
    importlib.import_module("augsearch.evaluation.inference.verdict")
    labels = np.repeat([0, 1], 20)
    scores = np.tile(labels * 0.5 + 0.25, (3, 1))
    answer = evaluation.verdict(labels, scores, scores)
    assert isinstance(answer, evaluation.Verdict)
    assert (answer.label, answer.gain) == ("no evidence", 0)
