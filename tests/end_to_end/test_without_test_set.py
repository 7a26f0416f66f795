"""A study without a test set: the tuning set gives the verdict, and everything copes."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

STUDY = """\
seed = 7
device = "cpu"
[images]
size = 16
[data]
kind = "demo"
train = 40
tune = 20
test = 20
[split]
train = 0.5
tune = 0.5
test = 0
[sources.classic]
kind = "classic"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.search]
search = {source = "classic", window = 2, max_multiple = 4}
[evaluation]
replicates = 2
[report.tables.tuned]
title = "Tuning set"
images = "tuning"
metrics = ["auc", "sensitivity@0.90"]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, command_line):
    """(command line, what the run printed) of a finished run."""
    augsearch = command_line(tmp_path_factory.mktemp("untested"))
    augsearch.write(STUDY, "untested.toml")
    done = augsearch("run", "untested.toml")
    assert done.returncode == 0, done.stderr
    return augsearch, done


def test_the_verdict_comes_from_the_tuning_set(run):
    augsearch, done = run
    folder = augsearch.folder / "runs" / "untested"
    result = augsearch.results("runs/untested")
    arm, answer = result["arms"]["search"], result["verdict"]
    assert (result["judged_on"], arm["test"], arm["external"]) == ("tuning", {}, None)
    assert "judged on the tuning set" in answer["note"]
    rows = (folder / "tables" / "split.csv").read_text().splitlines()[1:]
    assert {row.split(",")[-1] for row in rows} == {"train", "tune"}
    labels = [row.split(",")[1] == "fluid" for row in rows if row.endswith(",tune")]
    aucs = [
        np.mean([
            roc_auc_score(labels, one[:, 1])
            for one in np.load(folder / "artifacts" / "tuning" / name / f"{amount:g}-fold0.npy")
        ])
        for name, amount in (("search", arm["multiple"]), ("real", 1))
    ]  # fmt: skip
    assert answer["gain"] == pytest.approx(aucs[0] - aucs[1])
    assert answer["low"] < answer["gain"] < answer["high"]
    assert (folder / "declaration.json").exists()
    assert not (folder / "test_opened.json").exists()
    assert not (folder / "artifacts" / "test").exists()
    assert "tuning AUC" in done.stdout
    assert "test AUC" not in done.stdout
    assert "sensitivity@0.90" in done.stdout
    assert "stage: verdict" in done.stderr


def test_report_comparison_and_lab_cope(run):
    augsearch, _ = run
    folder = augsearch.folder / "runs" / "untested"
    report = (folder / "report.html").read_text()
    assert "Westfall and Young 1993" in report
    assert "No results on a test set, and so no ROC curves" in report
    assert "test AUC" not in report
    before = augsearch.results("runs/untested")
    again = augsearch("report", "runs/untested")
    assert again.returncode == 0, again.stderr
    assert augsearch.results("runs/untested") == before
    assert not (folder / "test_opened.json").exists()
    both = augsearch("lab", "--from", "runs/untested", "--simulations", "2")
    assert both.returncode == 0, both.stderr
    assert "is not known: the run has no test set." in both.stdout
    finished = augsearch("run", "untested.toml", "--json")
    assert '"judged_on": "tuning"' in finished.stdout or '"judged_on":"tuning"' in finished.stdout


def test_check_plans_no_test_and_refuses_what_needs_one(augsearch):
    augsearch.write(STUDY, "untested.toml")
    done = augsearch("check", "untested.toml")
    assert done.returncode == 0, done.stderr
    parts = [line.split("│")[1].strip() for line in done.stdout.splitlines() if "│" in line]
    assert "tune" in parts
    assert "test" not in parts
    augsearch.write(STUDY.replace("replicates = 2", "replicates = 2\ncontrols = true"), "no.toml")
    done = augsearch("check", "no.toml")
    assert done.returncode == 2
    assert "evaluation.controls: needs a test set but split.test = 0; drop it, or" in done.stderr
