"""`augsearch export` on finished runs: what others are given, and what they are told about it."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

STUDY = """\
seed = 7
device = "cpu"

[images]
size = 16

[data]
kind = "demo"
train = 24
tune = 24
test = 40

[split]
method = "given"

[sources.acgan]
kind = "acgan"
generator_filters = [16, 8]
discriminator_filters = [8, 16]
batch_size = 8
iterations = 20
snapshot = "last"

[sources.classic]
kind = "classic"

[classifier]
backbone = "resnet18"
weights = "random"
input_size = 32
head = {kind = "logistic"}

[classifiers.cnn]
kind = "end-to-end"
network = "fridadar2018"
epochs = 2
normalise = "mean-image"

[classifiers.words]
kind = "bag-of-words"
patch = 5
words = 8

[classifiers.critic]
kind = "discriminator"
source = "acgan"

[arms.real]

[arms.twice]
add = [{source = "acgan", multiple = 2}]

[arms.cnn]
classifier = "cnn"
add = [{source = "acgan", multiple = 1.5}, {source = "classic", multiple = 2}]

[arms.words]
classifier = "words"
add = [{source = "classic", multiple = 2}]

[arms.critic]
classifier = "critic"

[audit]
images_per_class = 20

[evaluation]
test_replicates = 2
"""
FIRST_TEST_STREAM = 65536 << 32


@pytest.fixture(scope="module")
def run(command_line, tmp_path_factory):
    """A finished run with an arm of every classifier; tests only read it, and add to exports/."""
    command = command_line(tmp_path_factory.mktemp("arms"))
    command.write(STUDY, "arms.toml")
    done = command("run", "arms.toml", "--quiet")
    assert done.returncode == 0, done.stderr
    return command.folder / "runs" / "arms"


def kept(run):
    """What an export must not change."""
    names = ("results.json", "seconds.json", "declaration.json", "test_opened.json", "outbox.jsonl")
    return {name: (run / name).read_bytes() for name in names}


def pool(run, class_number, number):
    """An image of the pool of the first fresh training for the test."""
    number += FIRST_TEST_STREAM
    for path in (run / "artifacts" / "source-acgan-fold0" / "pool").glob("*.npy"):
        label, first, end = map(int, re.match(r"class(\d+)_(\d+)-(\d+)_", path.name).groups())
        if label == class_number and first <= number < end:
            return np.load(path)[number - first]
    raise AssertionError(f"no image {number}")


def test_images_are_those_that_the_chosen_amount_adds(call, run, tmp_path):
    before = kept(run)
    code, out, err = call("export", run, "--what", "images", "--out", "given", "--quiet")
    assert code == 0, err
    results = json.loads((run / "results.json").read_text())
    assert results["verdict"]["arm"] == "twice"
    assert "warning" not in err  # the run has said what there is to say
    assert out.startswith("arm twice, K = 2\n24 synthetic images of acgan: ")
    assert out.endswith("\nfolder: given\n")
    with (tmp_path / "given" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (run / "tables" / "split.csv").open(newline="") as file:
        real = [row["class"] for row in csv.DictReader(file) if row["part"] == "train"]
    assert sorted(row["label"] for row in rows) == sorted(real)
    for row in rows:
        with Image.open(tmp_path / "given" / row["image"]) as image:
            pixels = np.asarray(image)
        wanted = pool(run, ["clear", "fluid"].index(row["label"]), int(row["number"]))
        assert np.array_equal(pixels, wanted[..., 0])
    card = (tmp_path / "given" / "DATASET_CARD.md").read_text()
    assert out.splitlines()[2] in card  # the verdict
    assert "40 images (20 clear, 20 fluid) of the test set, the mean over 2 trainings" in card
    audit = results["audits"][0]
    assert f"Source acgan: **{audit['verdict']}**." in card
    assert all(reason in card for reason in audit["reasons"])
    assert str(run.parent) not in card
    assert kept(run) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_real_images_that_were_changed_are_left_out(call, run):
    code, out, err = call("export", run, "--what", "images", "--arm", "cnn", "--quiet")
    assert code == 0, err
    folder = run / "exports" / "images-cnn"
    assert out.endswith(f"folder: {folder}\n")
    assert len(list(folder.glob("*/acgan-*.png"))) == 13
    assert not list(folder.glob("*/classic-*.png"))
    card = (folder / "DATASET_CARD.md").read_text()
    assert "Left out: classic." in card
    assert "The verdict is about arm 'twice'" in card
    code, out, err = call("export", run, "--what", "images", "--arm", "cnn", "--quiet")
    assert (code, out) == (2, "")
    assert f"{folder} exists already; remove it, or name another --out." in err


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ("real", "adds none; name another --arm (twice, cnn)"),
        ("words", "adds only real images, changed or repeated (classic); name another --arm"),
        ("twise", "--arm must be one of the run's arms, 'real', 'twice', 'cnn'"),
        ("twise", "(did you mean 'twice'?)"),
    ],
)
def test_arms_without_images(call, run, tmp_path, arm, words):
    code, out, err = call(
        "export", run, "--what", "images", "--arm", arm, "--out", "a/b/c", "--quiet"
    )
    assert (code, out) == (2, "")
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_lacks_something(call, run, tmp_path):
    spoilt = shutil.copytree(run, tmp_path / "spoilt", ignore=shutil.ignore_patterns("*.db"))
    code, _, err = call("export", spoilt, "--what", "images", "--quiet")
    assert code == 2
    assert "must still hold all that it made but lacks ledger.db" in err
    assert call("export", tmp_path, "--what", "images")[0] == 2


def stored(run, arm):
    """What the first fresh training of an arm said about the test images."""
    return np.load(run / "artifacts" / "test" / f"{arm}-test.npy")[0]


def real_images(run, part):
    """The images and labels of a part, in the order of tables/split.csv."""
    with (run / "tables" / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [number for number, row in enumerate(rows) if row["part"] == part]
    pixels = np.load(run / "artifacts" / "data" / "pixels.npy")
    labels = [["clear", "fluid"].index(rows[number]["class"]) for number in chosen]
    return chosen, pixels[chosen], labels


def test_the_model_says_what_the_run_said(call, run, tmp_path):
    before = kept(run)
    code, out, err = call("export", run, "--what", "model", "--arm", "cnn", "--out", "m", "--quiet")
    assert code == 0, err
    assert "ONNX" not in err
    _, images, _ = real_images(run, "test")
    program = torch.export.load(tmp_path / "m" / "model.pt2").module()
    np.testing.assert_allclose(program(torch.from_numpy(images)), stored(run, "cnn"), atol=1e-3)
    assert out.startswith(
        "arm cnn, K = 2.5\ntrained anew as in the run; differs from it by at most 0"
    )
    for file in ("model.pt2", "model.onnx", "mlflow"):
        assert re.search(rf"{file} \(float32\): differs .* 40 images, 40 decided alike", out)
        assert (tmp_path / "m" / file).exists()
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert described["classes"] == ["clear", "fluid"]
    assert described["verdict"]["label"] == "no evidence"
    card = (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert "**Not a medical device. Not for diagnosis.**" in card
    assert "The verdict is about arm 'twice'" in card
    assert "| model.onnx | float32 |" in card
    assert str(run.parent) not in card
    assert kept(run) == before


def test_an_export_becomes_artifacts_of_the_arms_run(call, run, tmp_path):
    from mlflow import MlflowClient, pyfunc

    tracked = shutil.copytree(run, tmp_path / "runs" / "arms")
    store = f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    code, out, err = call(
        "export", tracked, "--what", "model", "--arm", "critic", "--track", "--quiet"
    )
    assert code == 0, err
    assert out.splitlines()[-1].endswith(f"mlflow ui --backend-store-uri {store}")
    for _ in range(20):  # what a busy machine did not manage in ten seconds is still being sent
        if call("sync", tracked)[0] == 0:
            break
    client = MlflowClient(store)
    (experiment,) = client.search_experiments(filter_string="name = 'arms'")
    runs = {one.info.run_name: one for one in client.search_runs([experiment.experiment_id])}
    own = runs["critic"].info
    assert runs["critic"].data.tags["augsearch.run"] == "arms"
    assert own.status == "FINISHED"
    exports = {one.path for one in client.list_artifacts(own.run_id, "exports/model-critic")}
    assert {Path(path).name for path in exports} >= {"MODEL_CARD.md", "model.pt2", "mlflow"}
    model = pyfunc.load_model(client.download_artifacts(own.run_id, "model", str(tmp_path)))
    _, images, _ = real_images(run, "test")
    np.testing.assert_allclose(model.predict(images), stored(run, "critic"), atol=1e-3)


def test_an_export_signs_in_at_no_server_that_the_run_alone_names(call, run, tmp_path, monkeypatch):
    without_exports = shutil.ignore_patterns("exports")  # of other tests
    foreign = shutil.copytree(run, tmp_path / "foreign", ignore=without_exports)
    study = json.loads((foreign / "study.json").read_text())
    study["tracking"]["uri"] = "http://127.0.0.1:9"
    (foreign / "study.json").write_text(json.dumps(study))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "the-S3cret")
    code, out, err = call("export", foreign, "--what", "images", "--track", "--quiet")
    assert (code, out) == (2, "")
    assert "must be named by you" in err
    assert not (foreign / "exports").exists()
    outbox = "outbox.jsonl"
    assert (foreign / outbox).read_bytes() == (run / outbox).read_bytes()


def test_external_features_know_the_patients(call, tiny_run, tmp_path):
    finished = tiny_run[0].folder / "runs" / "tiny"
    code, _, err = call("export", finished, "--what", "features", "--out", "f", "--quiet")
    assert code == 0, err
    with np.load(tmp_path / "f" / "features.npz") as file:
        data = dict(file)
    with (finished / "tables" / "external.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    outside = data["parts"] == "external"
    assert [data["classes"][label] for label in data["labels"][outside]] == [
        row["class"] for row in rows
    ]
    groups = data["groups"][outside]
    assert len({*zip(groups, (row["group"] for row in rows), strict=True)}) == len({*groups}) < 40
    assert not set(groups) & set(data["groups"][~outside])


def test_features_are_those_of_the_images(call, run, tmp_path):
    code, out, err = call("export", run, "--what", "features", "--out", "f", "--quiet")
    assert code == 0, err
    assert "features of 112 images, 512 numbers each\n" in out
    with np.load(tmp_path / "f" / "features.npz") as file:
        data = dict(file)
    assert data["features"].shape == (112, 512)
    assert data["classes"].tolist() == ["clear", "fluid"]
    for part, name in (("training", "train"), ("tuning", "tune"), ("test", "test")):
        rows, _, labels = real_images(run, name)
        own = (data["parts"] == part) & (data["origins"] == "real")
        assert data["numbers"][own].tolist() == rows
        assert data["labels"][own].tolist() == labels
    made = data["origins"] == "acgan"
    assert made.sum() == 24
    assert set(data["groups"][made]) == {-1}
    test = data["features"][data["parts"] == "test"]
    cached = [np.load(path) for path in run.glob("artifacts/features/*.npy")]
    assert any(one.shape == test.shape and np.array_equal(one, test) for one in cached)
    card = (tmp_path / "f" / "FEATURES.md").read_text()
    assert "| training | acgan | 13 | 11 |" in card


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model", "--arm", "words"], "of kind 'bag-of-words', which is none; name an --arm of"),
        (["images", "--track"], "--track must go with an export into the run"),
        (["model", "--format", "png"], "--format must go with --what images but got --what model"),
    ],
)
def test_models_that_cannot_be(call, run, tmp_path, arguments, words):
    code, out, err = call("export", run, "--what", *arguments, "--out", "m", "--quiet")
    assert (code, out) == (2, "")
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_classifier_that_is_not_the_one_of_the_run_is_refused(call, run, tmp_path):
    spoilt = shutil.copytree(run, tmp_path / "spoilt")
    path = spoilt / "artifacts" / "test" / "cnn-test.npy"
    np.save(path, np.load(path)[:, ::-1])
    code, _, err = call("export", spoilt, "--what", "features", "--arm", "cnn", "--quiet")
    assert code == 2
    assert "must say what it said in the run, within 0.001, but trained anew" in err
    assert "(on cpu with" in err
    assert not (spoilt / "exports" / "features-cnn").exists()


def folds_study():
    """The study above in two folds, with two generators a fold and the first two arms."""
    start, rest = STUDY.split("[classifiers.cnn]")
    arms = rest[rest.index("[arms.real]") : rest.index("[arms.cnn]")]
    start = start.replace('method = "given"', 'method = "k-fold"\nn_folds = 2\ntest = 0.3')
    more = "[audit]\nenabled = false\n[evaluation]\ntest_replicates = 2\ngenerator_replicates = 2\n"
    return f"{start}{arms}{more}[tracking]\nenabled = false\n"


def test_folds_and_several_generators_from_shared_stores_on_another_machine(
    command_line, call, tmp_path
):
    stores = ("--ledger", f"sqlite:///{tmp_path / 'shared.db'}", "--artifacts", tmp_path / "share")
    one, two = (command_line(tmp_path / name) for name in ("one", "two"))
    for machine in (one, two):
        machine.folder.mkdir()
        machine.write(folds_study(), "folds.toml")
    done = one("run", "folds.toml", "--quiet", *stores)
    assert done.returncode == 0, done.stderr
    code, _, err = call("run", two.folder / "folds.toml", "--quiet", "--out", "folds", *stores)
    assert code == 0, err
    assert not (tmp_path / "folds" / "artifacts").exists()  # fetched as far as it is needed
    assert call("export", "folds", "--what", "images", "--quiet")[0] == 2  # without the ledger
    for what in ("images", "features"):
        code, _, err = call("export", "folds", "--what", what, "--out", what, "--quiet", *stores)
        assert code == 0, err
    results = json.loads((tmp_path / "folds" / "results.json").read_text())
    assert results["verdict"]["generators"] == 2

    # The first fold's training images and what its first generator, the searched one, adds to them.
    with (tmp_path / "folds" / "tables" / "split.csv").open(newline="") as file:
        split = list(csv.DictReader(file))
    parts = {
        part: [number for number, row in enumerate(split) if own(row["part"], row["fold"])]
        for part, own in {
            "training": lambda part, fold: part == "fold" and fold != "0",
            "tuning": lambda part, fold: part == "fold" and fold == "0",
            "test": lambda part, fold: part == "test",
        }.items()
    }
    with np.load(tmp_path / "features" / "features.npz") as file:
        data = dict(file)
    for part, rows in parts.items():
        chosen = (data["parts"] == part) & (data["origins"] == "real")
        assert data["numbers"][chosen].tolist() == rows
    with (tmp_path / "images" / "manifest.csv").open(newline="") as file:
        made = list(csv.DictReader(file))
    assert len(made) == len(parts["training"]) == (data["origins"] == "acgan").sum()
    for row in made:
        with Image.open(tmp_path / "images" / row["image"]) as image:
            wanted = pool(
                one.folder / "runs" / "folds", row["label"] == "fluid", int(row["number"])
            )
            assert np.array_equal(np.asarray(image), wanted[..., 0])
    card = (tmp_path / "images" / "DATASET_CARD.md").read_text()
    assert "the mean over 4 trainings" in card
    assert "that its result is the mean of, in fold 0 of 2, counted from 0" in card
