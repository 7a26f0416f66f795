import numpy as np
import pytest

from augsearch.classifiers import training_sets
from augsearch.classifiers.training_sets import labels_of, pixels_of
from augsearch.errors import DataError
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed


def _portion(rows: list[int], shape: tuple[int, ...] = (6, 4, 4, 1), seed: int = 0) -> Portion:
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    pixels.flags.writeable = False
    return Portion(ImageBlock.of(pixels), np.array(rows, np.int64), np.array(rows, np.int64) % 2)


@pytest.mark.parametrize("at_a_time", [1, 2, 1024])
def test_images_and_labels_of_all_portions_go_together(
    at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_sets, "_ROWS", at_a_time)
    portions = (_portion([5, 0, 0]), _portion([]), _portion([1, 2], seed=1))
    expected = [portions[0].block.pixels[row] for row in (5, 0, 0)]
    expected += [portions[2].block.pixels[row] for row in (1, 2)]
    np.testing.assert_array_equal(pixels_of(portions), np.stack(expected))
    assert labels_of(TrainingSet(portions, 2, Seed.of(0))).tolist() == [1, 0, 0, 1, 0]


def test_images_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match=r"of one shape.*\(4, 4, 1\) and \(5, 5, 1\)"):
        pixels_of([_portion([0]), _portion([0], (1, 5, 5, 1))])
    with pytest.raises(DataError, match="but are uint8 of"):
        pixels_of([_portion([0], (1, 4, 4, 2))])
