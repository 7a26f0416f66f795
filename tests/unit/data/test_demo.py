import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from augsearch.data.demo import demo_cases, draw_demo
from augsearch.seeds import Seed

SEED = Seed.of(0, "demo test")


@pytest.mark.parametrize("size", [8, 33, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("site", ["home", "shifted"])
def test_any_size_and_channels_can_be_drawn(size: int, channels: int, site: str) -> None:
    drawn = draw_demo(7, size=size, channels=channels, seed=SEED, site=site)
    assert drawn.pixels.shape == (7, size, size, channels)
    assert drawn.pixels.dtype == np.uint8
    assert drawn.classes == ("clear", "fluid")
    assert all(image.std() > 10 for image in drawn.pixels)


def test_an_image_does_not_depend_on_how_many_are_drawn() -> None:
    few = draw_demo(5, size=32, channels=1, seed=SEED)
    many = draw_demo(300, size=32, channels=1, seed=SEED)
    np.testing.assert_array_equal(few.pixels, many.pixels[:5])
    np.testing.assert_array_equal(few.labels, many.labels[:5])
    assert few.names == many.names[:5]


def test_other_seeds_and_sites_give_other_images() -> None:
    home = draw_demo(4, size=32, channels=1, seed=SEED).pixels
    again = draw_demo(4, size=32, channels=1, seed=SEED).pixels
    other = draw_demo(4, size=32, channels=1, seed=SEED.child(1)).pixels
    shifted = draw_demo(4, size=32, channels=1, seed=SEED, site="shifted").pixels
    np.testing.assert_array_equal(home, again)
    assert all((home[i] != other[i]).any() and (home[i] != shifted[i]).any() for i in range(4))


def test_patients_have_one_to_three_images_of_one_class() -> None:
    cases = demo_cases(400, SEED)[:-3]
    shots: dict[int, list[int]] = {}
    for case in cases:
        assert case.label == case.patient % 2
        shots.setdefault(case.patient, []).append(case.shot)
    counts = [len(own) for own in shots.values()]
    assert set(counts) == {1, 2, 3}
    assert all(own == list(range(len(own))) for own in shots.values())
    assert {case.label for case in demo_cases(4, SEED)} == {0, 1}


def test_images_of_a_patient_are_alike_but_not_the_same() -> None:
    drawn = draw_demo(200, size=32, channels=1, seed=SEED)
    flat = drawn.pixels.reshape(200, -1).astype(float)
    distance = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(-1))
    same = (drawn.groups[:, None] == drawn.groups) & ~np.eye(200, dtype=bool)
    fellow = (drawn.labels[:, None] == drawn.labels) & (drawn.groups[:, None] != drawn.groups)
    assert distance[same].min() > 5
    assert distance[same].mean() < 0.85 * distance[fellow].mean()


def test_the_classes_can_be_told_apart_but_not_perfectly() -> None:
    train = draw_demo(300, size=32, channels=1, seed=SEED.child("train"))
    test = draw_demo(300, size=32, channels=1, seed=SEED.child("test"))

    def middle(pixels: np.ndarray) -> np.ndarray:
        return (
            pixels[:, 8:24, 8:24, 0].reshape(len(pixels), 8, 2, 8, 2).mean((2, 4)).reshape(-1, 64)
        )

    head = LogisticRegression(C=1e-3, max_iter=5000).fit(middle(train.pixels), train.labels)
    auc = roc_auc_score(test.labels, head.decision_function(middle(test.pixels)))
    assert 0.8 < auc < 0.99
