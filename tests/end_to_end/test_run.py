import csv
import json
import re
import shutil
import subprocess
import sys

import mlflow
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.study.results import StudyResult


def test_a_run_ends_with_table_verdict_report_and_mlflow_command(tiny_run):
    command, done = tiny_run
    assert "real (baseline)" in done.stdout
    assert re.search(r"^(Helps|Harms|No evidence)", done.stdout, re.MULTILINE)
    report = re.search(r"^report: (.*)$", done.stdout, re.MULTILINE)[1]
    text = (command.folder / report).read_text()
    assert len(text) > 10_000
    for stage, seconds in command.results()["seconds"].items():
        if stage != "report":  # which was still being written
            assert f'<th scope="row">{stage}</th><td>{seconds:,.1f}</td>' in text
    assert f"mlflow ui --backend-store-uri sqlite:///{command.folder}/runs/mlflow.db" in done.stdout


def test_off_a_terminal_there_is_one_plain_line_per_k(tiny_run):
    command, done = tiny_run
    history = command.results()["arms"]["search"]["history"]
    lines = [line for line in done.stderr.splitlines() if line.startswith("search: K = ")]
    assert [float(re.search(r"K = (\S+),", line)[1]) for line in lines] == [
        entry["multiple"] for entry in history
    ]


def test_results_json_keeps_its_contract(tiny_run):
    command, _ = tiny_run
    result = StudyResult.model_validate(command.results())
    assert any(
        "few training images ('clear' 13, 'fluid' 11)" in message for message in result.warnings
    )
    real, search = result.arms["real"], result.arms["search"]
    assert (result.study, result.baseline, real.multiple, real.n_train) == ("tiny", "real", 1, 24)
    assert search.n_train == 24 * search.multiple
    assert [entry.multiple for entry in search.history] == list(range(1, len(search.history) + 1))
    best = max(search.history, key=lambda entry: (entry.score, -entry.multiple))
    assert (search.multiple, search.score) == (best.multiple, best.score)
    assert search.stopped_at == search.history[-1].multiple
    assert search.reason in ("window", "max_multiple")
    assert all(len(entry.scores) == 2 for entry in search.history)
    assert real.history[0].scores == search.history[0].scores  # K = 1 is the baseline's set
    assert search.test["auc"].low <= search.test["auc"].value <= search.test["auc"].high
    smoothed = search.smoothed
    assert smoothed.multiple in [entry.multiple for entry in search.history]
    assert smoothed.noise is None  # two trainings of each amount tell it
    assert 0 < smoothed.sd < 0.5
    assert real.smoothed is None
    assert search.external is not None
    assert result.verdict.arm == "search"
    assert result.verdict.gain == pytest.approx(
        search.test["auc"].value - real.test["auc"].value, abs=1e-12
    )


def test_the_run_directory_holds_everything(tiny_run):
    command, _ = tiny_run
    run = command.folder / "runs" / "tiny"
    names = ("study.toml", "ledger.db", "declaration.json", "log.jsonl", "tables/split.csv")
    for name in names:
        assert (run / name).exists(), name
    assert (run / "study.toml").read_text() == command.tiny
    rows = (run / "tables" / "split.csv").read_text().splitlines()
    assert len(rows) == 1 + 24 + 24 + 60
    assert not list(run.rglob("*.tmp"))


def test_what_is_kept_gives_the_aucs_again(tiny_run):
    command, _ = tiny_run
    run = command.folder / "runs" / "tiny"
    for part, name in (("test", "split"), ("external", "external")):
        with (run / "tables" / f"{name}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("part", part) == part]
        assert len({row["group"] for row in rows}) < len(rows)  # patients of several images
        labels = [row["class"] == "fluid" for row in rows]
        for arm, result in command.results()["arms"].items():
            path = run / "artifacts" / "test" / f"{arm}-{part}.npy"
            if path.exists():  # else it is the baseline's trainings
                aucs = [roc_auc_score(labels, training[:, 1]) for training in np.load(path)]
                assert result[part]["auc"]["value"] == pytest.approx(np.mean(aucs), abs=1e-12)


def test_mlflow_shows_one_curve_per_arm_and_one_per_cell(tiny_run):
    command, _ = tiny_run
    client = mlflow.MlflowClient(f"sqlite:///{command.folder}/runs/mlflow.db")
    experiment = client.get_experiment_by_name("tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    history = command.results()["arms"]["search"]["history"]
    points = client.get_metric_history(runs["search"].info.run_id, "score")
    assert {(p.step, p.value) for p in points} == {(e["multiple"], e["score"]) for e in history}
    children = [
        run
        for run in client.search_runs([experiment.experiment_id])
        if run.data.tags.get("mlflow.parentRunId") == runs["search"].info.run_id
    ]
    assert len(children) == 2
    assert (
        runs["search"].data.metrics["multiple_best"]
        == command.results()["arms"]["search"]["multiple"]
    )
    shown, smoothed = runs["search"].data.metrics, command.results()["arms"]["search"]["smoothed"]
    assert shown["multiple_smoothed"] == smoothed["multiple"]
    assert shown["score_smoothed"] == smoothed["mean"]
    assert "score_smoothed" not in runs["real"].data.metrics
    report = (command.folder / "runs/tiny/report.html").read_text()
    assert f"best at K = {smoothed['multiple']:g}: AUC {smoothed['mean']:.3f} ± " in report
    assert runs["search"].info.status == "FINISHED"


def test_a_finished_study_prints_its_result_at_once(tiny_run):
    command, first = tiny_run
    written = (command.folder / "runs/tiny/results.json").stat().st_mtime_ns
    again = command("run", "tiny.toml")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert "stage" not in again.stderr
    assert "tiny was finished before: this is its result as it was, whatever" in again.stderr
    assert command("run", "tiny.toml", "--quiet").stderr == ""
    assert (command.folder / "runs/tiny/results.json").stat().st_mtime_ns == written


def test_a_run_killed_before_its_result_was_mirrored_mirrors_it_once(tiny_run):
    command, first = tiny_run
    run = command.folder / "runs" / "tiny"
    sent = (run / "outbox.jsonl").read_text()
    (run / "mirrored.json").unlink()
    assert command("run", "tiny.toml").stdout == first.stdout
    assert (run / "mirrored.json").exists()
    assert (run / "outbox.jsonl").read_text() == sent


class Killed:
    """In place of the thread that delivers: the run is killed while it waits for the rest."""

    def __init__(self, *parts):
        pass

    def wake(self):
        pass

    def close(self, timeout_s):
        raise KeyboardInterrupt


def test_a_run_killed_while_mlflow_takes_the_rest_sends_it_when_started_again(
    tiny_run, call, tmp_path, monkeypatch
):
    shutil.copytree(tiny_run[0].folder, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "runs" / "tiny"
    (run / "mirrored.json").unlink()
    (run / "outbox.cursor.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("augsearch.tracking.tracker.Courier", Killed)
        assert call("run", "tiny.toml")[0] == 130
    assert call("run", "tiny.toml")[0] == 0
    assert call("sync", run)[1].startswith("0 entries sent to ")


def test_json_is_alone_on_stdout(tiny_run):
    command, _ = tiny_run
    done = command("run", "tiny.toml", "--json")
    assert json.loads(done.stdout) == command.results()


def test_a_changed_study_is_refused_with_the_difference(tiny_run):
    command, _ = tiny_run
    command.write(command.tiny.replace("window = 3", "window = 4"), "changed.toml")
    done = command("run", "changed.toml", "--out", "runs/tiny")
    assert done.returncode == 2
    assert "arms.search.search.window: 3 -> 4" in done.stderr
    assert "--fresh" in done.stderr


def test_a_run_goes_on_only_where_numbers_are_rounded_as_they_were(tiny_run, augsearch):
    shutil.copytree(tiny_run[0].folder / "runs", augsearch.folder / "runs")
    augsearch.write()
    run = augsearch.folder / "runs" / "tiny"
    here = json.loads((run / "arithmetic.json").read_text())
    (run / "arithmetic.json").write_text('"mps without bf16"')
    assert augsearch("run", "tiny.toml").returncode == 0  # it is finished
    (run / "results.json").unlink()
    done = augsearch("run", "tiny.toml")
    assert done.returncode == 2
    assert f"on mps without bf16, but this is {here}; go on there, or add --fresh" in done.stderr


def test_the_same_seed_gives_the_same_numbers_in_another_place(tiny_run, augsearch):
    command, _ = tiny_run
    augsearch.write()
    done = augsearch("run", "tiny.toml", "--out", "elsewhere", "--quiet")
    assert done.returncode == 0
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines())
    assert augsearch.numbers("elsewhere") == command.numbers()


def test_fresh_starts_beside_the_run_that_is_there(tiny_run, augsearch):
    shutil.copytree(tiny_run[0].folder / "runs", augsearch.folder / "runs")
    augsearch.write(
        augsearch.tiny.replace("seed = 7", "seed = 8").replace("iterations = 40", "iterations = 9")
    )
    done = augsearch("run", "tiny.toml", "--fresh")
    assert done.returncode == 0, done.stderr
    assert augsearch.results("runs/tiny-2")["study"] == "tiny"
    assert augsearch.results("runs/tiny") == tiny_run[0].results()
    again = augsearch("run", "tiny.toml", "--json")  # the newest is the one to go on with
    assert json.loads(again.stdout) == augsearch.results("runs/tiny-2")


def test_import_is_light():
    program = (
        "import sys, augsearch, augsearch.search.optimal\n"
        "heavy = {'torch', 'mlflow', 'torchvision', 'optuna', 'sklearn'} & set(sys.modules)\n"
        "print(heavy or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "light"
