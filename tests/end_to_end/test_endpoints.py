"""Gains in further endpoints, from the study file to results, terminal, report and MLflow."""

import json

import pytest

STUDY = """\
seed = 7
device = "cpu"
[images]
size = 16
[data]
kind = "demo"
train = 24
tune = 24
test = 80
[split]
method = "given"
[sources.classic]
kind = "classic"
[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}
[arms.real]
[arms.same]
[arms.search]
search = {source = "classic", rule = "sweep", multiples = [2, 3]}
[evaluation]
metric = "brier"
replicates = 2
test_replicates = 3
endpoints = ["kappa", "sensitivity@0.90", "brier"]
"""
NAMES = ["kappa", "sensitivity@0.90", "brier"]


def test_endpoints_are_judged_beside_the_verdict_and_told_everywhere(augsearch):
    augsearch.write(STUDY, "ends.toml")
    done = augsearch("run", "ends.toml")
    assert done.returncode == 0, done.stderr
    result = augsearch.results("runs/ends")
    arms = result["arms"]
    assert arms["real"]["endpoints"] == {}
    assert list(arms["search"]["endpoints"]) == NAMES
    for name, gain in arms["search"]["endpoints"].items():
        own, base = (arms[arm]["test"][name]["value"] for arm in ("search", "real"))
        better = base - own if name == "brier" else own - base
        assert gain["value"] == pytest.approx(better)
        assert gain["low"] <= gain["value"] <= gain["high"]
        assert gain["label"] == {True: "helps", False: "no evidence"}[gain["low"] > 0]
    for gain in arms["same"]["endpoints"].values():
        assert (gain["label"], gain["value"], gain["high"]) == ("no evidence", 0, 0)
    # The search makes the Brier score small: the best of its amounts is the smallest score.
    scores = {entry["multiple"]: entry["score"] for entry in arms["search"]["history"]}
    assert arms["search"]["multiple"] == min(scores, key=scores.get)
    lines = done.stdout.splitlines()
    told = [line for line in lines if line.startswith("In ")]
    assert [line.split(":")[0] for line in told] == [
        "In kappa",
        "In sensitivity at specificity 0.90",
        "In Brier score (smaller is better)",
    ]
    assert any("3 were looked at without correction" in line for line in lines)
    folder = augsearch.folder / "runs" / "ends"
    report = (folder / "report.html").read_text()
    assert "In Brier score (smaller is better): " in report
    assert "Secondary endpoints: kappa, sensitivity at specificity 0.90, Brier score." in report
    assert "gain in Brier score" in (folder / "figures" / "gains.svg").read_text()
    entries = [json.loads(line) for line in (folder / "outbox.jsonl").read_text().splitlines()]
    points = json.dumps(entries)
    assert all(f"gain_{name}" in points for name in ("kappa", "sensitivity_0.90", "brier"))
