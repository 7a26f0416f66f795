import numpy as np
import pytest

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.controller.run_directory.outputs import AnswerFiles, TuningFiles
from augsearch.errors import StorageError
from augsearch.events import silent
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import Recipe
from augsearch.execution.trainings import Cell, Job
from augsearch.records import ImageBlock, Portion
from augsearch.seeds import Seed
from augsearch.testing.images import toy_images

FOLDS = [np.random.default_rng(fold).random((2, 5 + fold, 3)) for fold in range(3)]
REPLACED = [-one for one in FOLDS]


def refuse():
    raise AssertionError("nothing should be trained")


@pytest.fixture
def files(tmp_path):
    return TuningFiles(tmp_path / "arm")


def test_each_amount_is_kept_by_itself(files):
    amounts = [1, 1.0000001, 1.25, 15000]
    for number, amount in enumerate(amounts):
        files.keep(amount, 0, [one + number for one in FOLDS])
    for number, amount in enumerate(amounts):
        for read, kept in zip(files.read(amount, 3, refuse), FOLDS, strict=True):
            assert np.array_equal(read, kept + number)
            assert read.dtype == np.float64


@pytest.mark.parametrize("amount", [2, 3.0])
@pytest.mark.parametrize(
    "damage", ["missing", "missing fold", "cut", "empty", "text", "pickle", "never kept"]
)
def test_what_is_missing_or_damaged_is_trained_again(files, tmp_path, damage, amount):
    if damage != "never kept":
        files.keep(amount, 0, FOLDS)
        kept = sorted((tmp_path / "arm").iterdir())
        assert len(kept) == 3
        content = kept[1].read_bytes()
        if damage == "missing":
            for path in kept:
                path.unlink()
        elif damage == "missing fold":
            kept[1].unlink()
        elif damage == "pickle":
            np.save(kept[1], np.array([{}]), allow_pickle=True)
        else:
            kept[1].write_bytes({"cut": content[:-1], "empty": b"", "text": b"abc"}[damage])
    again = files.read(amount, 3, lambda: files.keep(amount, 0, REPLACED))
    assert all(map(np.array_equal, again, REPLACED))
    assert all(map(np.array_equal, files.read(amount, 3, refuse), REPLACED))


def test_rounds_of_an_amount_are_read_together_and_lost_ones_made_again(files, tmp_path):
    for number, outputs in enumerate((FOLDS, REPLACED)):
        files.keep(4, number, outputs)
    both = [np.concatenate(pair) for pair in zip(FOLDS, REPLACED, strict=True)]
    assert all(map(np.array_equal, files.read(4, 3, refuse, rounds=2), both))
    assert all(map(np.array_equal, files.read(4, 3, refuse), FOLDS))
    (tmp_path / "arm" / "4-round1-fold2.npy").unlink()
    again = files.read(4, 3, lambda: files.keep(4, 1, REPLACED), rounds=2)
    assert all(map(np.array_equal, again, both))


class Told(FittedClassifier):
    """Gives each image of a class's brightness a number that also tells the training."""

    def __init__(self, number, has_features=True):
        self.number, self.has_features = number, has_features

    def predict_proba(self, block):
        grey = block.pixels.mean(axis=(1, 2, 3)) / 255 / (1 + self.number)
        return np.stack([1 - grey, grey], axis=1)

    def embedding(self, block):
        if not self.has_features:
            return None
        flat = block.pixels.reshape(len(block), -1)[:, :5]
        return (flat + self.number).astype(np.float32)

    @property
    def training_curve(self):
        return {"training loss": np.float32([2, 1]), "tuning loss": [3.0, 2.0]}


SETS = {
    part: Portion(ImageBlock.of(images.pixels), np.array(rows), images.labels[rows])
    for part, images, rows in (
        ("test", toy_images((6, 6)), [7, 1, 2]),
        ("external", toy_images((4, 4), seed=1), [0, 5]),
    )
}


class Teller(Classifier):
    """Its trainings tell their place in the call."""

    def __init__(self, has_features):
        self.has_features = has_features

    def fit(self, training_sets, notify=None):
        return [Told(number, self.has_features) for number in range(len(training_sets))]


@pytest.fixture
def answers(tmp_path):
    """Write the answers of an arm -> a function that opens them anew."""

    def write(parts=("test", "external"), has_features=True, with_features=True):
        def opened():
            return AnswerFiles(tmp_path, "arm", parts)

        fold = FoldImages(0, SETS["test"], SETS["test"], 2, Seed.of(0))
        sets = {part: SETS[part] for part in parts}
        job = Job(Teller(has_features), [fold], sets, "test" if with_features else None)
        cells = [Cell(Recipe((1, 1)), 0, Seed.of(n), in_full=n == 0) for n in (0, 1)]
        assert not opened().complete
        opened().write(job.train(cells, silent))
        assert opened().complete
        return opened

    return write


def test_answers_are_read_back_as_they_were(answers):
    read = answers()()
    for part, images in SETS.items():
        expected = [Told(n).predict_portion(images) for n in (0, 1)]
        assert np.array_equal(read.outputs[part], np.stack(expected))
    features = Told(0).embedding(SETS["test"].block)[SETS["test"].rows]
    assert np.array_equal(read.features, features)
    assert read.curve == {"training loss": [2, 1], "tuning loss": [3, 2]}


@pytest.mark.parametrize("without", ["has_features", "with_features"])
def test_a_classifier_may_have_no_features_and_none_may_be_wanted(answers, without):
    assert answers(**{without: False})().features is None


def test_answers_are_complete_with_all_their_files(answers, tmp_path):
    opened = answers()
    written = sorted(tmp_path.iterdir())
    assert len(written) == 4
    for path in written:
        content = path.read_bytes()
        path.unlink()
        assert not opened().complete
        path.write_bytes(content)
        assert opened().complete
    assert not AnswerFiles(tmp_path, "arm-test", ["test"]).complete
    assert not AnswerFiles(tmp_path, "other", ["test"]).complete


def test_a_damaged_answer_is_named(answers, tmp_path):
    opened = answers(parts=["test"])
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-20])
    for attribute, file in [
        ("outputs", "arm-test.npy"),
        ("features", "arm-features.npy"),
        ("curve", "arm-curve.json"),
    ]:
        with pytest.raises(StorageError, match=rf"{file}.*Remove it to have it made again"):
            getattr(opened(), attribute)


def test_damaged_answers_are_not_complete(answers, tmp_path):
    opened = answers()
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
        assert not opened().complete
        path.write_bytes(whole)
    assert opened().complete
