import math

import numpy as np
import pytest

from augsearch.evaluation.agreement import landis_koch
from augsearch.evaluation.confusion import kappa


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (-1.0, "poor"),
        (-0.001, "poor"),
        (0.0, "slight"),
        (0.20, "slight"),
        (0.21, "fair"),
        (0.40, "fair"),
        (0.41, "moderate"),
        (0.60, "moderate"),
        (0.61, "substantial"),
        (0.80, "substantial"),
        (0.81, "almost perfect"),
        (1.0, "almost perfect"),
    ],
)
def test_words_of_the_published_table(value: float, word: str) -> None:
    assert landis_koch(value) == word


def test_rounding_does_not_change_the_word() -> None:
    three_fifths = float(kappa(np.array([[40.0, 10.0], [10.0, 40.0]])))
    assert three_fifths == pytest.approx(0.6)
    assert landis_koch(three_fifths) == "moderate"
    assert landis_koch(0.1 + 0.1 + 0.2 + 0.2 + 0.2) == "substantial"
    assert landis_koch(math.nextafter(0.6, 1)) == "moderate"
    assert landis_koch(-1e-17) == "slight"


def test_undefined_kappa_has_its_own_word() -> None:
    assert landis_koch(math.nan) == "undefined"


def test_refuses_more_than_perfect() -> None:
    with pytest.raises(ValueError, match=r"kappa must be at most 1 but got 1\.2"):
        landis_koch(1.2)
