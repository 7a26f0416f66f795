"""`augsearch report`: a finished run's report again, and runs side by side."""

import json
import re
import shutil

import pytest


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy of the finished tiny run."""
    folder = tmp_path / "runs" / "tiny"
    shutil.copytree(tiny_run[0].folder / "runs" / "tiny", folder)
    return folder


def without_times(run):
    """The report without its seconds: the first report cannot know how long it takes."""
    text = (run / "report.html").read_text()
    return re.sub(r'<tr><th scope="row">[^<]+</th><td>[\d.,]+</td><td>\d+ %</td></tr>\n', "", text)


def test_a_report_is_written_again_and_nothing_else_changes(call, run):
    kept = ("results.json", "seconds.json", "outbox.jsonl", "declaration.json", "test_opened.json")
    before = {name: (run / name).read_bytes() for name in kept}
    report = without_times(run)
    figures = {path.name: path.read_bytes() for path in run.glob("figures/*")}
    (run / "report.html").unlink()
    shutil.rmtree(run / "figures")
    status, out, _ = call("report", run, "--quiet")
    assert status == 0
    assert out == f"report: {run / 'report.html'}\n"
    assert {name: (run / name).read_bytes() for name in kept} == before
    assert without_times(run) == report
    assert {path.name: path.read_bytes() for path in run.glob("figures/*")} == figures


def test_a_report_trains_nothing_again(call, run):
    for folder in run.glob("artifacts/source-acgan-fold0"):
        shutil.rmtree(folder)
    status, _, err = call("report", run, "--quiet")
    assert status == 2
    assert "lacks the trained source acgan" in err
    shutil.rmtree(run / "artifacts" / "test")
    status, _, err = call("report", run, "--quiet")
    assert status == 2
    assert "lacks artifacts/test" in err


def test_two_runs_side_by_side(call, run, tmp_path):
    other = tmp_path / "runs" / "other"
    shutil.copytree(run, other)
    study = json.loads((other / "study.json").read_text())
    (other / "study.json").write_text(json.dumps(study | {"seed": 8}))
    status, out, _ = call("report", run, other)
    assert (status, out) == (0, "report: comparison.html\n")
    text = (tmp_path / "comparison.html").read_text()
    assert '<th scope="row">seed</th><td>7</td><td>8</td>' in text
    assert text.count('role="img"') == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runs/tiny", "--out", "x.html"], "--out must go with several runs"),
        (["runs/tiny", "runs/tiny"], "is named twice"),
        (["runs/none"], "has no study.json"),
        (["runs/none", "runs/tiny"], "has no study.json"),
    ],
)
def test_bad_input(call, run, arguments, words):
    status, _, err = call("report", *arguments)
    assert status == 2
    assert words in err
