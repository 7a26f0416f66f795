"""Three classes, with images made elsewhere and by a function of the user's."""

import csv

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from augsearch.controller.study import load_study

COUNTS = {"clear": 18, "fluid": 24, "[polyp]": 18}
STUDY = """\
[images]
size = 16
[data]
kind = "folder"
path = "real"
classes = ["clear", "fluid", "[polyp]"]
[sources.outside]
kind = "folder"
path = "made"
[sources.function]
kind = "callable"
function = "made_by_a_test:brighter"
options = {by = 5}
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.filled]
balance = "outside"
[arms.search]
search = {source = "function", window = 2, step = 0.5, max_multiple = 2}
[evaluation]
test_replicates = 2
[tracking]
enabled = false
"""

FUNCTION = """\
import numpy as np

def brighter(train, seed, by):
    def images(label, start, stop):
        own = np.flatnonzero(train.labels == label)
        numbers = np.arange(start, stop)
        shift = (by + numbers % 7)[:, None, None, None]
        return np.clip(train.pixels[own[numbers % len(own)]] + shift, 0, 255).astype(np.uint8)
    return images
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, save_image):
    """(run directory, result) of the study."""
    folder = tmp_path_factory.mktemp("three")
    number = 0
    for label, (name, count) in enumerate(COUNTS.items()):
        (folder / "made" / name).mkdir(parents=True)
        for index in range(count):
            number += 1
            save_image(folder / "real" / name / f"{index}.png", number, grey=100 + 15 * label)
            if name != "fluid":  # the largest class needs none
                save_image(
                    folder / "made" / name / f"{index}.png", -number % 1000, 100 + 15 * label
                )
    (folder / "three.toml").write_text(STUDY)
    (folder / "made_by_a_test.py").write_text(FUNCTION)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        result = load_study(folder / "three.toml").run(folder / "run")
    return folder / "run", result


@pytest.fixture(scope="module")
def split(finished):
    """Class of each image of a part, in order."""
    with (finished[0] / "tables" / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = list(COUNTS)
    return {
        part: np.array([names.index(row["class"]) for row in rows if row["part"] == part])
        for part in ("train", "tune", "test")
    }


def test_the_folder_fills_the_classes_up(finished, split):
    counts = np.bincount(split["train"])
    arms = finished[1].arms
    assert arms["real"].n_train == counts.sum()
    assert arms["filled"].n_train == 3 * counts.max()
    real, filled = (
        np.load(finished[0] / "artifacts" / "test" / f"{name}-test.npy")
        for name in ("real", "filled")
    )
    assert not np.array_equal(real, filled)


def test_the_function_is_searched_in_halves(finished, split):
    search = finished[1].arms["search"]
    assert [entry.multiple for entry in search.history] == [1, 1.5, 2]
    added = sum(int((search.multiple - 1) * count + 0.5) for count in np.bincount(split["train"]))
    assert search.n_train == len(split["train"]) + added
    assert search.history[0].score == finished[1].arms["real"].score


def test_metrics_of_several_classes(finished, split):
    run, result = finished
    for name in result.arms:
        own = run / "artifacts" / "test" / f"{name}-test.npy"
        if not own.exists():  # the same recipe as another arm
            continue
        outputs = np.load(own)
        assert outputs.shape == (2, len(split["test"]), 3)
        aucs = [roc_auc_score(split["test"], one, multi_class="ovr") for one in outputs]
        decided = [one.argmax(axis=1) for one in outputs]
        balanced = [balanced_accuracy_score(split["test"], one) for one in decided]
        test = result.arms[name].test
        assert list(test) == [
            "auc", "accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "kappa",
        ]  # fmt: skip
        assert test["auc"].value == pytest.approx(np.mean(aucs))
        assert test["sensitivity"].value == pytest.approx(np.mean(balanced))


def test_the_report_shows_every_class_of_every_source_that_has_it(finished):
    report = (finished[0] / "report.html").read_text()
    for name in COUNTS:
        assert f"function: {name}" in report
        assert (f"outside: {name}" in report) == (name != "fluid")
