"""A study of a table with patients, in folds, whose arms build on each other."""

import csv
import tempfile
from math import floor

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.controller.study import load_study
from augsearch.events import TrialCompleted, Warned

STUDY = """\
[images]
size = 16
[data]
kind = "csv"
path = "table.csv"
image_column = "file"
label_column = "finding"
group_column = "patient"
[split]
method = "k-fold"
n_folds = 2
[sources.classic]
kind = "classic"
[sources.repeat]
kind = "repeat"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.balanced]
balance = "repeat"
[arms.second]
base = "search"
add = [{source = "classic", multiple = 2}]
[arms.search]
search = {source = "classic", window = 1, max_multiple = 3}
[arms.fixed]
add = [{source = "classic", multiple = 2.5}, {source = "repeat", multiple = 2}]
[evaluation]
replicates = 2
test_replicates = 3
[tracking]
enabled = false
"""


def write_study(folder, save_image):
    """20 patients with two images each: 12 patients of class [no], 8 of class yes."""
    rows = ["file,finding,patient"]
    for number in range(40):
        ill = number >= 24
        save_image(folder / "scans" / f"{number}.png", number, grey=118 if ill else 110)
        rows.append(f"scans/{number}.png,{'yes' if ill else '[no]'},p{number // 2}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    (folder / "folds.toml").write_text(STUDY)
    return folder / "folds.toml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, save_image):
    """(run directory, result, events) of the study."""
    folder, events = tmp_path_factory.mktemp("kfold"), []
    study = load_study(write_study(folder, save_image))
    return folder / "run", study.run(folder / "run", notify=events.append), events


@pytest.fixture(scope="module")
def training_counts(finished):
    """Training images of each class, per fold, from the written split."""
    with (finished[0] / "tables" / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    patients = {}
    for row in rows:
        patients.setdefault(row["group"], set()).add((row["part"], row["fold"]))
    assert len(patients) == 20
    assert all(len(places) == 1 for places in patients.values())
    return [
        tuple(
            sum(row["part"] == "fold" and row["fold"] != fold and row["class"] == name
                for row in rows)
            for name in ("[no]", "yes")
        )
        for fold in ("0", "1")
    ]  # fmt: skip


def test_amounts_and_sizes_are_those_of_the_recipes(finished, training_counts):
    arms = finished[1].arms
    counts = training_counts[0]
    chosen = arms["search"].multiple
    assert {name: arm.multiple for name, arm in arms.items()} == {
        "real": 1, "balanced": 1, "second": 2, "search": chosen, "fixed": 1 + 1.5 + 1
    }  # fmt: skip
    assert {name: arm.n_train for name, arm in arms.items()} == {
        "real": sum(counts),
        "balanced": 2 * max(counts),
        "second": 2 * chosen * sum(counts),
        "search": chosen * sum(counts),
        "fixed": sum(2 * count + floor(1.5 * count + 0.5) for count in counts),
    }
    assert list(arms) == ["real", "balanced", "second", "search", "fixed"]
    assert chosen in (1, 2, 3)


def test_there_is_a_score_per_fold_and_replicate(finished):
    _, result, events = finished
    for name, arm in result.arms.items():
        assert all(len(entry.scores) == 2 * 2 for entry in arm.history), name
        assert (arm.reason is None) == (name != "search")
    first, second, third, fourth = result.arms["real"].history[0].scores
    assert first == second != third == fourth  # a logistic head draws nothing
    added = result.arms["fixed"].history[0].scores
    assert len(set(added)) > 2
    told = [event.arm for event in events if isinstance(event, TrialCompleted)]
    searched = len(result.arms["search"].history)
    assert told == ["real", "balanced"] + ["search"] * searched + ["second", "fixed"]


def test_the_verdict_is_the_searched_arm_against_the_real_images(finished):
    run, result, _ = finished
    with (run / "tables" / "split.csv").open() as file:
        labels = [row["class"] == "yes" for row in csv.DictReader(file) if row["part"] == "test"]
    values = {}
    for name in ("real", "fixed"):
        outputs = np.load(run / "artifacts" / "test" / f"{name}-test.npy")
        assert outputs.shape == (2 * 3, len(labels), 2)
        values[name] = np.mean([roc_auc_score(labels, one[:, 1]) for one in outputs])
        assert result.arms[name].test["auc"].value == pytest.approx(values[name])
    assert (result.baseline, result.verdict.arm) == ("real", "search")
    gain = result.arms["fixed"].gain.value
    assert gain == pytest.approx(values["fixed"] - values["real"])


def test_without_tracking_there_is_no_mlflow(finished):
    run = finished[0]
    assert not (run / "outbox.jsonl").exists()
    names = {path.name for path in run.parent.iterdir()}
    assert names == {"scans", "table.csv", "folds.toml", "run"}


def test_the_result_tells_the_warnings(finished):
    _, result, events = finished
    told = {event.message for event in events if isinstance(event, Warned)}
    assert result.warnings == sorted(told)
    assert not any("a GAN tends to" in message for message in result.warnings)  # there is none


def test_check_shows_the_data_and_the_plan_and_leaves_nothing(
    call, save_image, tmp_path, tmp_path_factory, monkeypatch, training_counts
):
    write_study(tmp_path, save_image)
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call("check", "folds.toml")
    assert code == 0, err
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(scratch.glob("augsearch*"))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    first = next(number for number, row in enumerate(rows) if len(row) == 4 and row[0] == "data")
    table = {tuple(row[:2]): list(map(int, row[2:])) for row in rows[:first] if len(row) == 4}
    parts = ("train 0", "tune 0", "train 1", "tune 1", "test")
    assert list(table) == [(part, name) for part in parts for name in ("[no]", "yes")]
    assert all(images == 2 * groups for images, groups in table.values())
    for column, (name, count) in enumerate((("[no]", 24), ("yes", 16))):
        for fold in (0, 1):
            images = [table[f"{part} {fold}", name][0] for part in ("train", "tune")]
            assert sum(images) + table["test", name][0] == count
            assert images[0] == training_counts[fold][column]
    fewest = min(counts[1] for counts in training_counts)
    assert f"smallest class of a training set: yes, {fewest} images" in out
    # K = 1 and 2 of the search and one amount of the others, twice; five arms three times anew
    work = [row for row in rows[first:] if len(row) == 4]
    heads = [amount for _, what, amount, _ in work if what == "classifier: heads"]
    assert heads == [f"{2 * 2 * (2 + 4)} trainings", f"{2 * 3 * 5} trainings"]
    assert all(row[3].endswith((" s", " min", " h")) for row in work)
