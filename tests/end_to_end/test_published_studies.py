"""The five published procedures, each its own study file, at reduced lengths from file to table."""

import csv
import tomllib
from pathlib import Path

import pytest

STUDIES = Path(__file__).parents[2] / "studies"
SMALL_DATA = {"train = 280": "train = 42", "tune = 40": "tune = 20", "test = 80": "test = 22"}
FROZEN = {
    'backbone = "densenet121"': 'backbone = "resnet18"\ninput_size = 32',
    'weights = "imagenet"': 'weights = "random"',
}
AUDIT = "[audit]\nimages_per_class = 20\n"
REPLICATES = {"[evaluation]": f"{AUDIT}[evaluation]\ntest_replicates = 2"}

REDUCED = {
    "kong2022": SMALL_DATA
    | FROZEN
    | REPLICATES
    | {
        "test = 200": "test = 24",
        'preset = "kong2022"': 'preset = "kong2022"\niterations = 3\nwidth = 0.03\nbatch_size = 8',
        "epochs = 100": "epochs = 3",
        "window = 12": "window = 2, max_multiple = 3",
    },
    "fridadar2018": REPLICATES
    | {
        "size = 64": "size = 16",
        "train = 142": "train = 36",
        "tune = 20": "tune = 12",
        "test = 20": "test = 12",
        'kind = "dcgan"\npreset = "fridadar2018"': 'kind = "dcgan"\npreset = "fridadar2018"\n'
        "iterations = 2\nwidth = 0.02\nbatch_size = 8\ngenerator_filters = [1024, 512]",
        'kind = "acgan"\npreset = "fridadar2018"': 'kind = "acgan"\npreset = "fridadar2018"\n'
        "iterations = 2\nwidth = 0.02\nbatch_size = 8\ngenerator_filters = [1024, 512]",
        'kind = "end-to-end"\npreset = "fridadar2018"': 'kind = "end-to-end"\n'
        'preset = "fridadar2018"\nepochs = 1',
        'kind = "bag-of-words"': 'kind = "bag-of-words"\nwords = 20\nstride = 6',
        "added = [0, 500, 1000, 2000, 3000, 4000, 5000, 6000, 8000, 10000, 12000, 15000]": (
            "added = [0, 10]"
        ),
        "per_class = [100, 500, 1000, 2000, 3000, 4000]": "per_class = [2, 4]",
    },
    "roglin2022": {
        "size = 64": "size = 16",
        "train = 300": "train = 24",
        "tune = 100": "tune = 16",
        "test = 100": "test = 16",
        'kind = "acgan"\npreset = "roglin2022"': 'kind = "acgan"\npreset = "roglin2022"\n'
        "iterations = 2\nwidth = 0.05\nbatch_size = 8",
        'kind = "end-to-end"\npreset = "roglin2022"': 'kind = "end-to-end"\n'
        'preset = "roglin2022"\nepochs = 1\nnetwork = "fridadar2018"',
        "replicates = 5": "replicates = 2",
        "[8, 16, 32]": "[16]",
        "[1e-2, 5e-3, 1e-3, 5e-4, 1e-4, 5e-5]": "[1e-3, 1e-4]",
        "per_class = 200": "per_class = 4",
    }
    | REPLICATES,
    "cheng2021": {
        "train = 240": "train = 24",
        "tune = 80": "tune = 12",
        "test = 80": "test = 12",
        'preset = "cheng2021"        # 64': 'preset = "cheng2021"\niterations = 2\nwidth = 0.02\n'
        "batch_size = 8        # 64",
        'kind = "end-to-end"\npreset = "cheng2021"': 'kind = "end-to-end"\npreset = "cheng2021"\n'
        'weights = "random"\nepochs = 1\ninput_size = 32',
        'network = "resnet101"': 'network = "fridadar2018"',
        'network = "densenet121"': 'network = "fridadar2018"',
        "threshold = 0.8, of = 2000": "threshold = 0.5, of = 128",
        "[evaluation]": f"{AUDIT}[evaluation]",
        "test_replicates = 5": "test_replicates = 2",
    },
    "dhawan2024": {
        "size = 112": "size = 32",
        "train = 240": "train = 24",
        "tune = 80": "tune = 12",
        "test = 80": "test = 12",
        'preset = "dhawan2024"       # dense': 'preset = "dhawan2024"\niterations = 2\n'
        "width = 0.02\nbatch_size = 8       # dense",
        'kind = "end-to-end"\npreset = "dhawan2024"': 'kind = "end-to-end"\npreset = "dhawan2024"\n'
        'weights = "random"\nepochs = 1\nnetwork = "fridadar2018"',
        "[evaluation]": f"{AUDIT}[evaluation]",
        "test_replicates = 5": "test_replicates = 2",
    },
}


def reduced(name):
    """The study file's text with its lengths cut; every cut must apply. One goes to MLflow too."""
    text = (STUDIES / f"{name}.toml").read_text()
    for long, short in REDUCED[name].items():
        assert long in text, long
        text = text.replace(long, short)
    return text if name == "kong2022" else f"{text}\n[tracking]\nenabled = false\n"


@pytest.fixture
def finished(augsearch):
    """Run a reduced study by the command line -> (result, name of a table -> its rows)."""

    def run(name):
        augsearch.write(reduced(name), f"{name}.toml")
        done = augsearch("run", f"{name}.toml")
        assert done.returncode == 0, done.stderr
        folder = augsearch.folder / "runs" / name
        tables = {}
        for path in (folder / "tables").glob("*.csv"):
            with path.open() as file:
                tables[path.stem] = list(csv.DictReader(file))
        report = (folder / "report.html").read_text()
        _printed(done.stdout, tomllib.loads(reduced(name))["report"]["tables"], tables)
        return augsearch.results(f"runs/{name}"), tables, report

    return run


def _printed(text, asked, tables):
    """The study's own tables stand on the terminal: title, first number, and if it is too high."""
    words = " ".join(text.split())  # a title may take several lines
    for name, options in asked.items():
        assert options["title"] in words
        metric = next(key for key in tables[name][0] if key.endswith(options["metrics"][0]))
        assert f"{float(tables[name][0][metric]):.3f}" in text
    on_tuning = sum(options.get("images") == "tuning" for options in asked.values())
    assert words.count("chosen on these very images: values are too high.") == on_tuning


def test_kong_compares_four_arms_by_all_of_the_papers_metrics(finished):
    result, tables, report = finished("kong2022")
    assert list(result["arms"]) == ["OD", "GCB", "GCB-CDA", "GCB-OMGDA"]
    assert result["baseline"] == "GCB"
    assert [entry["multiple"] for entry in result["arms"]["GCB-OMGDA"]["history"]][:3] == [1, 2, 3]
    for name in ("diagnostic-performance", "external-performance"):
        rows = tables[name]
        assert {row["arm"] for row in rows} == set(result["arms"])
        metrics = ("accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "auc", "delong_p")
        assert set(metrics) <= set(rows[0])
        assert all(0 <= float(row[name]) <= 1 for row in rows for name in metrics if row[name])
    assert "DeLong" in report
    assert "MS-SSIM" in report


def test_fridadar_searches_twice_and_trains_its_generators_on_the_augmented_images(finished):
    result, tables, report = finished("fridadar2018")
    arms = result["arms"]
    assert arms["classic"]["unit"] == "added"
    assert [entry["multiple"] for entry in arms["classic"]["history"]] == [0, 10]
    assert [entry["multiple"] for entry in arms["classic-dcgan"]["history"]] == [2, 4]
    assert len(arms["classic"]["history"][0]["scores"]) == 3
    added = int(arms["classic-dcgan"]["multiple"]) * 2
    assert arms["classic-dcgan"]["n_train"] == arms["classic"]["n_train"] + added
    for name in ("cross-validation", "held-out"):
        assert {row["arm"] for row in tables[name]} == set(arms)
        by_class = {row["class"]: row for row in tables[name] if row["arm"] == "classic"}
        assert list(by_class) == ["all", "clear", "fluid"]
        assert by_class["all"]["accuracy"]
        # Of two classes, what is sensitivity for one is specificity for the other.
        assert by_class["clear"]["sensitivity"] == by_class["fluid"]["specificity"]
    assert "t-SNE" in report


def test_roglin_trains_four_ways_and_tunes_every_arm(finished):
    result, tables, report = finished("roglin2022")
    arms = result["arms"]
    assert list(arms) == ["original", "method-I", "method-II", "method-III", "method-IV"]
    assert all(arms[name]["n_train"] == arms["original"]["n_train"] + 8 for name in list(arms)[1:])
    for row in tables["best-setting"]:
        if row["class"] == "all":
            assert float(row["best.kappa"]) >= float(row["chosen.kappa"])
    assert {row["arm"] for row in tables["best-setting"]} == set(arms)
    assert {row["arm"] for row in tables["honest"]} == set(arms)
    assert "Landis" in report


def test_cheng_compares_two_networks_on_three_training_sets(finished):
    result, tables, report = finished("cheng2021")
    arms = result["arms"]
    assert arms["classic"]["n_train"] == 2 * arms["none"]["n_train"]
    assert arms["classic-gan"]["n_train"] > arms["classic"]["n_train"]
    assert arms["classic-gan"]["n_train"] == arms["classic-gan-densenet"]["n_train"]
    assert len(tables["accuracy"]) == 3
    assert {"resnet101.accuracy", "densenet121.accuracy"} <= set(tables["accuracy"][0])
    added = arms["classic-gan"]["n_train"] - arms["classic"]["n_train"]
    assert f"(threshold 0.5, which kept {added} of 128 made first)" in report


def test_dhawan_compares_real_synthetic_and_both(finished):
    result, tables, report = finished("dhawan2024")
    sizes = {name: arm["n_train"] for name, arm in result["arms"].items()}
    n = sizes["real"]
    assert sizes == {"real": n, "synthetic": n, "synthetic-and-real": 2 * n, "half-and-half": n}
    assert [row["arm"] for row in tables["regimes"]] == list(sizes)
    assert {"accuracy", "ppv", "sensitivity", "f1", "f1_sd"} <= set(tables["regimes"][0])
    assert "Training curves" in report
