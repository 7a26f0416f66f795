import numpy as np
import pytest
from PIL import Image

from augsearch.controller.run import _same_data
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.preparation import prepare, read_data
from augsearch.data.demo import draw_demo
from augsearch.errors import DataError, RunDirectoryError
from augsearch.events import Warned, silent
from augsearch.seeds import Seed
from augsearch.study.schema.study import StudyFile

NAMED = {"other": {"backbone": "resnet18"}, "idle": {"backbone": "resnet34"}}


@pytest.mark.parametrize(
    ("arms", "built", "judge"),
    [
        ({"real": {}, "b": {"classifier": "other"}}, ["classifier", "other"], "densenet121"),
        ({"real": {"classifier": "other"}, "b": {}}, ["other", "classifier"], "densenet121"),
        ({"real": {"classifier": "other"}}, ["other"], "resnet18"),
        ({"real": {}}, ["classifier"], "densenet121"),
    ],
)
def test_the_classifiers_that_arms_use_and_the_one_that_judges_sources(ready, arms, built, judge):
    prepared = ready(arms=arms, classifiers=NAMED).prepared
    assert list(prepared.classifiers) == built
    assert prepared.judging.options.backbone == judge
    for arm, table in arms.items():
        expected = "resnet18" if "classifier" in table else "densenet121"
        assert prepared.classifier_of(arm).options.backbone == expected


def test_an_arms_classifier_by_name(ready):
    study = ready(arms={"real": {}, "b": {"classifier": "other"}}, classifiers=NAMED).study
    assert study.classifier_named(study.classifier_name("real")) is study.classifier
    assert study.classifier_named(study.classifier_name("b")) is study.classifiers["other"]


def test_only_the_sources_that_arms_use_are_made(ready):
    sources = {"repeat": {"kind": "repeat"}, "idle": {"kind": "classic"}}
    world = ready(sources=sources, arms={"real": {}, "b": {"balance": "repeat"}})
    assert list(world.prepared.sources) == ["repeat"]


def copied_study(folder, **changes):
    """Give a study of 48 images, of which one of another part is a darker copy of the first."""
    drawn = draw_demo(120, size=32, channels=1, seed=Seed.of(0))
    rows = np.unique(drawn.groups, return_index=True)[1][:48]
    pixels = drawn.pixels[rows, :, :, 0]
    pixels[40] = pixels[0] * 0.9
    lines = ["image,label,patient,part"]
    for row, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{row}.png")
        part = ("train", "tune", "test")[row // 16]
        lines.append(f"{row}.png,{row % 2},{row // 2 if row < 4 else row},{part}")
    (folder / "labels.csv").write_text("\n".join(lines))
    columns = {"group_column": "patient", "split_column": "part"}
    study = {
        "name": "copied",
        "images": {"size": 32},
        "data": {"kind": "csv", "path": folder / "labels.csv"} | columns,
        "split": {"method": "given"},
        "classifier": {"backbone": "resnet18", "weights": "random"},
        "arms": {"real": {}},
    }
    return StudyFile.model_validate(study | changes)


def test_what_could_make_the_answer_wrong_is_told_or_refused(tmp_path):
    told = []
    prepare(copied_study(tmp_path), tmp_path / "run", told.append)
    (leak,) = [one.message for one in told if isinstance(one, Warned) and "0.png" in one.message]
    assert "'0.png' (training set) and '40.png' (test set)" in leak
    with pytest.raises(DataError, match=r"'0\.png' \(training set\) and '40\.png' \(test set\)"):
        prepare(copied_study(tmp_path, strict=True), tmp_path / "run", told.append)


def test_demo_images_warn_of_nothing(ready, tmp_path):
    told = []
    study = ready(images={"size": 32}, strict=True).study
    prepare(study, tmp_path / "again", told.append)
    assert [one.message for one in told if isinstance(one, Warned)] == []


@pytest.mark.parametrize(("arms", "count"), [({"real": {}}, 0), ({"b": {"balance": "gan"}}, 1)])
def test_few_images_are_told_where_a_gan_is_trained_on_them(ready, tmp_path, arms, count):
    told, sources = [], {"gan": {"kind": "acgan"}, "repeat": {"kind": "repeat"}}
    arms = {"more": {"balance": "repeat"}} | arms
    prepare(ready(sources=sources, arms=arms).study, tmp_path / "again", told.append)
    warned = [one.message for one in told if isinstance(one, Warned)]
    assert sum("a GAN tends to copy" in message for message in warned) == count


@pytest.mark.parametrize("column", ["label", "patient"])
@pytest.mark.parametrize("table", ["labels", "other site"])
def test_a_run_goes_on_with_the_labels_and_patients_that_it_began_with(tmp_path, column, table):
    outside = {"kind": "csv", "path": tmp_path / "other site.csv", "group_column": "patient"}
    (tmp_path / "other site.csv").touch()
    study = copied_study(tmp_path, external=outside)
    rows = (tmp_path / "labels.csv").read_text()
    (tmp_path / "other site.csv").write_text(rows)
    run = RunDirectory(tmp_path / "run")
    _same_data(run, prepare(study, run.path, silent))
    _same_data(run, prepare(study, run.path, silent))
    old, new = {"label": ("47.png,1,47,", "47.png,0,47,"), "patient": (",47,", ",46,")}[column]
    (tmp_path / f"{table}.csv").write_text(rows.replace(old, new))
    changed = f"{'external ' if table != 'labels' else ''}{column}s"
    with pytest.raises(RunDirectoryError, match=rf"the study reads changed since .* \({changed}\)"):
        _same_data(run, prepare(study, run.path, silent))


def test_a_run_goes_on_with_the_weights_that_it_began_with(tmp_path):
    file, other = tmp_path / "weights.safetensors", tmp_path / "other.safetensors"
    file.write_bytes(b"some")  # read when a classifier is built, which this is not about
    other.write_bytes(b"others")
    run = RunDirectory(tmp_path / "run")
    table = {"backbone": "resnet18", "weights": file, "input_size": 32}
    tune = {"parameters": {"weights": ["random", str(other)]}, "replicates": 1}
    study = copied_study(tmp_path, classifier=table, tune=tune)
    data = read_data(study, run.path, silent)
    _same_data(run, data)
    for path in (file, other):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(RunDirectoryError, match=r"study reads changed since .* \(weights\)"):
            _same_data(run, data)
        path.write_bytes(content)
    _same_data(run, data)
