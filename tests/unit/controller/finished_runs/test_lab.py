"""`augsearch lab --from` on run directories as a run leaves them."""

import json
import math

import pytest

from augsearch.controller.finished_runs.lab import search_lab
from augsearch.errors import RunDirectoryError, StorageError
from augsearch.lab.noise import LUCK_SD, auc_variance
from augsearch.records import Evaluation
from augsearch.search.smoothing import smoothed_optimum

SEARCH = {
    "rule": "sliding-window",
    "source": "gan",
    "window": 3,
    "start": 1.0,
    "step": 1.0,
    "max_multiple": None,
    "min_delta": 0.0,
}
SCORES = [[0.70, 0.72], [0.78, 0.76], [0.75, 0.77], [0.74, 0.74], [0.75, 0.73]]


def arm(scores, unit="multiple", gain=None):
    history = [
        {"multiple": float(k), "score": 0.7, "scores": list(one)} for k, one in enumerate(scores, 1)
    ]
    return {
        "multiple": 1.0,
        "unit": unit,
        "n_train": 100,
        "score": 0.7,
        "stopped_at": 5.0,
        "reason": "window",
        "history": history,
        "test": {},
        "external": None,
        "gain": gain,
    }


@pytest.fixture
def run(tmp_path):
    """Write a finished run; options change what is in it -> its directory."""

    def write(
        scores=SCORES,
        replicates=2,
        metric="auc",
        unit="multiple",
        gain=(0.01, -0.02, 0.04),
        search=SEARCH,
        parts=None,
    ):
        evaluation = {"replicates": replicates, "metric": metric, "confidence": 0.95}
        study = {"arms": {"real": {"search": None}, "gan": {"search": search}}}
        (tmp_path / "study.json").write_text(json.dumps(study | {"evaluation": evaluation}))
        interval = dict(zip(("value", "low", "high"), gain, strict=True)) if gain else None
        arms = {"real": arm([scores[0]]), "gan": arm(scores, unit, interval)}
        result = {"study": "s", "baseline": "real", "arms": arms, "verdict": None, "seconds": {}}
        (tmp_path / "results.json").write_text(json.dumps(result))
        rows = parts or ["ill,tune,"] * 20 + ["well,tune,"] * 30 + ["well,test,"] * 40
        table = [f"{n},{row.split(',')[0]},g,{row.split(',', 1)[1]}" for n, row in enumerate(rows)]
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / "split.csv").write_text(
            "\n".join(["image,class,group,part,fold", *table])
        )
        return tmp_path

    return write


def test_noise_is_that_of_the_runs_own_restarts_and_tuning_images(run):
    report = search_lab(run(), simulations=2)
    (setting,) = report.settings
    assert setting.images == 50
    assert setting.base == pytest.approx(0.71)
    variance = (auc_variance(0.71, 20, 30) + auc_variance(0.71, 30, 20)) / 2
    noise = setting.noise
    assert noise.common**2 + noise.like**2 == pytest.approx(0.85 * variance)
    pooled = math.sqrt(4 * 0.01**2 * 2 / 5)  # one pair of five is equal
    assert report.run.replicate_sd == pytest.approx(pooled)
    assert math.hypot(noise.own, noise.luck) == pytest.approx(pooled)
    assert report.run.first_sd == pytest.approx(math.sqrt(2) * 0.01)
    assert len(report.scores) == 16
    assert report.advice[0].images == 50


def test_the_test_set_resolves_half_its_interval(run):
    found = search_lab(run(), simulations=2).run.resolution
    assert (found.arm, found.images) == ("gan", 40)
    assert found.half_width == pytest.approx(0.03)


def test_other_rules_are_replayed(run):
    found = {one.rule: one for one in search_lab(run(), simulations=2).run.replays}
    own = found["sliding window 3"]
    assert (own.multiple, own.trainings, own.missing) == (2, 10, "")
    longer = found["sliding window 12"]
    assert (longer.multiple, longer.trainings) == (2, 10)
    assert longer.missing == "no K = 6 (it ends at 5)"
    assert {one.arm for one in found.values()} == {"gan"}


def test_smoothed_rules_are_replayed_with_the_runs_own_noise(run):
    directory = run(scores=[one[:1] for one in SCORES], replicates=1)
    results = json.loads((directory / "results.json").read_text())

    def replayed(noise):
        smoothed = {"multiple": 2.0, "mean": 0.7, "sd": 0.01, "noise": noise}
        results["arms"]["gan"]["smoothed"] = smoothed
        (directory / "results.json").write_text(json.dumps(results))
        found = search_lab(directory, simulations=2).run.replays
        return {one.rule: one.score for one in found}

    history = [Evaluation.of(k, one[:1]) for k, one in enumerate(SCORES, 1)]
    for noise in (None, 1e-6, 0.1):
        scores = replayed(noise)
        assert scores["sliding window 3, smoothed"] == smoothed_optimum(history, noise).mean
        assert scores["sliding window 3"] == 0.78


def test_folds_make_one_score(run):
    parts = [f"{name},fold,{fold}" for fold in (0, 1) for name in ["ill"] * 10 + ["well"] * 15]
    scores = [[0.70, 0.72, 0.60, 0.64], [0.78, 0.76, 0.70, 0.70]]
    report = search_lab(run(scores=scores, parts=[*parts, "ill,test,"]), simulations=2)
    (setting,) = report.settings
    assert setting.images == 50
    assert setting.base == pytest.approx(0.665)
    variance = (auc_variance(0.665, 10, 15) + auc_variance(0.665, 15, 10)) / 2 / 2
    assert setting.noise.common**2 == pytest.approx(0.7 * variance)
    pooled = (2 * 0.01**2 + 2 * 0.02**2 + 2 * 0.01**2) / 4
    assert report.run.replicate_sd == pytest.approx(math.sqrt(pooled / 2))


def test_a_single_replicate_says_nothing_of_trainings(run):
    report = search_lab(run(scores=[one[:1] for one in SCORES], replicates=1), simulations=2)
    assert report.run.replicate_sd is None
    assert report.run.first_sd is None
    assert report.settings[0].noise.luck == LUCK_SD
    assert any("one replicate" in note and "0.015" in note for note in report.run.notes)


def test_equal_replicates_are_said_to_be_no_use(run):
    report = search_lab(run(scores=[[0.7, 0.7], [0.8, 0.8]]), simulations=2)
    assert report.settings[0].noise.luck == 0
    assert any("replicates are no use" in note for note in report.run.notes)


def test_a_search_that_begins_later_says_what_stands_for_its_first_amount(run):
    path = run()
    assert not any("K = 1" in note for note in search_lab(path, simulations=1).run.notes)
    results = json.loads((path / "results.json").read_text())
    del results["arms"]["gan"]["history"][0]
    (path / "results.json").write_text(json.dumps(results))
    report = search_lab(path, simulations=1)
    assert report.settings[0].base == pytest.approx(0.77)
    assert any("begin there at its score at K = 2." in note for note in report.run.notes)


def test_without_an_interval_the_resolution_is_unknown(run):
    for gain in (None, (0.0, 0.0, 0.0), (0.01, None, None)):
        report = search_lab(run(gain=gain), simulations=2)
        assert report.run.resolution is None
        assert any("smallest gain" in note for note in report.run.notes)


@pytest.mark.parametrize("change", [{"metric": "kappa"}, {"scores": [[None, 0.7], [0.8, 0.8]]}])
def test_scores_that_cannot_be_simulated_are_still_replayed(run, change):
    report = search_lab(run(**change), simulations=2)
    assert report.settings == report.scores == report.advice == ()
    assert any("Nothing was simulated" in note for note in report.run.notes)
    assert any(one.multiple == 2 for one in report.run.replays)


def test_runs_that_have_no_search_over_multiples(run, tmp_path):
    with pytest.raises(RunDirectoryError, match="run with a search but none"):
        search_lab(run(search=None))
    with pytest.raises(RunDirectoryError, match="count images"):
        search_lab(run(unit="added"))
    (tmp_path / "results.json").unlink()
    with pytest.raises(RunDirectoryError, match="finished run"):
        search_lab(tmp_path)
    with pytest.raises(RunDirectoryError, match="must be a run directory"):
        search_lab(tmp_path / "nowhere")


def test_a_damaged_split_is_named(run):
    path = run() / "tables" / "split.csv"
    path.write_text("image\n1\n")
    with pytest.raises(StorageError, match=r"split\.csv"):
        search_lab(path.parent.parent)
    path.unlink()
    with pytest.raises(StorageError, match=r"split\.csv"):
        search_lab(path.parent.parent)


def test_the_same_call_gives_the_same_numbers(run):
    directory = run()
    assert search_lab(directory, simulations=2) == search_lab(directory, simulations=2)
