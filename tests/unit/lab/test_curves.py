import numpy as np
import pytest

from augsearch.lab.curves import MULTIPLES, SHAPES, curve


@pytest.mark.parametrize("shape", SHAPES)
def test_a_curve_starts_at_the_base_and_moves_by_the_gain(shape):
    values = curve(shape, base=0.7, gain=0.04)
    assert values.shape == MULTIPLES.shape == (60,)
    assert values[0] == pytest.approx(0.7)
    furthest = np.abs(values - 0.7).max()
    assert furthest == pytest.approx(0 if shape == "flat" else 0.04, rel=0.01)


def test_there_are_eight_shapes_and_they_are_what_they_are_called():
    values = {shape: curve(shape, 0.8) for shape in SHAPES}
    assert len(values) == 8
    for shape in ("saturating", "slow rise", "late"):
        assert (np.diff(values[shape]) > -1e-12).all()
    assert (np.diff(values["harmful"]) < 0).all()
    best = {shape: int(MULTIPLES[found.argmax()]) for shape, found in values.items()}
    assert best["rise then fall"] == 8
    assert best["early peak"] in (2, 3)
    assert values["early peak"][-1] < 0.8
    bumps = values["two bumps"]
    inner = (bumps[1:-1] > bumps[:-2]) & (bumps[1:-1] > bumps[2:])
    assert MULTIPLES[1:-1][inner].tolist() == [4, 14]
    assert bumps[3] < bumps[13]
    assert values["late"][11] < 0.81 < 0.84 < values["late"][22]
