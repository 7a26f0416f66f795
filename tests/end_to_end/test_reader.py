"""Both reader commands on a finished run, and all that can be wrong with their input."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, cohen_kappa_score

from augsearch.controller.finished_runs.reader import make_reader_page


@pytest.fixture(scope="module")
def finished(tiny_run):
    return tiny_run[0].folder / "runs" / "tiny"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run that a test may spoil."""
    ignored = shutil.ignore_patterns("features", "snapshots", "*.db", "figures", "reader", "*.lock")
    return shutil.copytree(finished, tmp_path / "runs" / "tiny", ignore=ignored)


def images_of(page):
    data = re.search(r'id="data">(.*?)</script>', page.read_text())[1]
    return {
        image["id"]: np.asarray(
            Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])))
        )
        for image in json.loads(data)["images"]
    }


def key_of(run):
    (path,) = run.glob("reader/*/key.json")
    return json.loads(path.read_text())


def write_answers(folder, key, name, answer, number=None, **changes):
    """A file of answers; `answer` gives (class, origin) from a place on the page and the truth."""
    said = [
        (image, answer(place, truth)) for place, (image, truth) in enumerate(key["images"].items())
    ]
    content = {
        "format": "augsearch reader answers",
        "version": 1,
        "page": key["page"],
        "reader": name,
        "answers": {
            name: {"class": one[0], "origin": one[1]} for name, one in said[:number]
        },
    } | changes  # fmt: skip
    path = folder / f"answers-{name}.json"
    path.write_text(json.dumps(content))
    return path


def test_the_page_shows_what_the_key_says(call, run, tmp_path):
    code, out, err = call("reader", "make", run, "--real", 21, "--synthetic", 9, "--out", "p.html")
    assert (code, err) == (0, "")
    key, images = key_of(run), images_of(tmp_path / "p.html")
    assert list(images) == list(key["images"])
    with (run / "tables" / "split.csv").open() as file:
        rows = [line.split(",")[:2] for line in file.read().splitlines()[1:]]
    pixels = np.load(run / "artifacts" / "data" / "pixels.npy")
    pools = {}
    for path in (run / "artifacts" / "source-acgan-fold0" / "pool").glob("*.npy"):
        label, first = map(int, re.match(r"class(\d+)_(\d+)-", path.name).groups())
        for offset, image in enumerate(np.load(path)):
            pools["clear" if label == 0 else "fluid", first + offset] = image
    counts = {}
    for name, truth in key["images"].items():
        if truth["origin"] == "real":
            row = rows.index([truth["place"], truth["class"]])
            expected = pixels[row]
        else:
            number = re.fullmatch(r"acgan, fold 0, image (\d+)", truth["place"])[1]
            expected = pools[truth["class"], int(number)]
        assert np.array_equal(images[name], expected[..., 0])
        counts[truth["origin"], truth["class"]] = (
            counts.get((truth["origin"], truth["class"]), 0) + 1
        )
    assert len({truth["place"] + truth["class"] for truth in key["images"].values()}) == 30
    share = 21 * sum(label == "clear" for _, label in rows) / len(rows)
    assert abs(counts["real", "clear"] - share) < 1
    assert (counts["synthetic", "clear"], counts["synthetic", "fluid"]) == (5, 4)
    assert f"21 real images: {counts['real', 'clear']} clear, " in out
    assert "9 synthetic images: 5 clear, 4 fluid" in out


def test_the_same_command_makes_the_same_page_of_the_published_size(call, run):
    assert call("reader", "make", run)[0] == 0
    (page,) = run.glob("reader/*/page.html")
    key = key_of(run)
    origins = [truth["origin"] for truth in key["images"].values()]
    assert origins.count("real") == 24 + 24 + 60
    assert origins.count("synthetic") == 120
    before = page.read_bytes()
    assert call("reader", "make", run)[0] == 0
    assert page.read_bytes() == before
    assert key_of(run) == key


def test_scores_are_those_of_known_libraries(call, run, tmp_path):
    made = make_reader_page(run, 30, 20)
    key = json.loads(made.key.read_text())
    random = np.random.default_rng(0)
    noise = random.random((3, 2, 50)) < 0.25

    def reader(number):
        def answer(place, truth):
            wrong = noise[number, :, place]
            classes, origins = ("clear", "fluid"), ("real", "synthetic")
            said = classes[(classes.index(truth["class"]) + wrong[0]) % 2]
            return said, origins[(origins.index(truth["origin"]) + wrong[1]) % 2]

        return answer

    files = [
        write_answers(tmp_path, key, name, reader(number), 50 if number else 40)
        for number, name in enumerate(("Anna", "Ben", "Cleo"))
    ]
    code, out, err = call("reader", "score", run, *files, "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["images"] == {"all": 50, "real": 30, "synthetic": 20}
    said = [json.loads(path.read_text())["answers"] for path in files]
    for score, answers in zip(result["readers"], said, strict=True):
        for task in ("class", "origin"):
            for kind in ("all", "real", "synthetic"):
                shown = [name for name in answers if kind in ("all", key["images"][name]["origin"])]
                expected = accuracy_score(
                    [key["images"][name][task] for name in shown],
                    [answers[name][task] for name in shown],
                )
                accuracy = score["accuracy"][task][kind]
                assert accuracy["answered"] == len(shown)
                assert accuracy["value"] == pytest.approx(expected)
                assert accuracy["low"] < expected < accuracy["high"]
    assert [one["readers"] for one in result["agreement"][:3]] == [
        ["Anna", "Ben"], ["Anna", "Cleo"], ["Ben", "Cleo"]
    ]  # fmt: skip
    for one in result["agreement"]:
        first, second = (said["ABC".index(name[0])] for name in one["readers"])
        shown = [name for name in first if name in second]
        expected = cohen_kappa_score(
            [first[name][one["task"]] for name in shown],
            [second[name][one["task"]] for name in shown],
        )
        assert one["images"] == len(shown)
        assert one["kappa"] == pytest.approx(expected)
    text = call("reader", "score", run, *files)[1]
    assert "Anna finished 40 of 50 images; only what was answered counts." in text
    assert "all 3 readers" in text
    assert f"{result['agreement'][0]['kappa']:.3f}" in text


def test_make_refuses_what_there_is_not_and_writes_nothing(call, run, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    for option, wanted, parts in (
        ("--real", 109, ["between 1 and 108", "of class 'clear'"]),
        ("--real", 0, ["between 1 and 108"]),
        ("--synthetic", 9999, ["--synthetic must be between 1 and", "of class 'fluid'"]),
    ):
        code, out, err = call("reader", "make", run, option, wanted, "--out", "new/p.html")
        assert (code, out) == (2, "")
        assert err.count("augsearch: ") == 1
        assert all(part in err for part in [*parts, f"but got {wanted}"])
    (tmp_path / "mine.html").write_text("mine")
    code, _, err = call("reader", "make", run, "--out", "mine.html")
    assert (code, (tmp_path / "mine.html").read_text()) == (2, "mine")
    assert "mine.html exists already" in err
    (tmp_path / "mine.html").unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_make_wants_a_finished_run_with_its_data_and_synthetic_images(call, run, tmp_path):
    results = run / "results.json"
    shutil.move(results, tmp_path / "kept.json")
    for command in (["make", run], ["score", run, "answers.json"]):
        code, _, err = call("reader", *command)
        assert (code, "must be a finished run" in err) == (2, True)
    shutil.move(tmp_path / "kept.json", results)
    code, _, err = call("reader", "make", tmp_path)
    assert (code, f"{tmp_path} must be a run directory" in err) == (2, True)

    pool = run / "artifacts" / "source-acgan-fold0" / "pool"
    shutil.move(pool, tmp_path / "pool")
    code, _, err = call("reader", "make", run)
    assert (code, "must hold synthetic images" in err) == (2, True)
    shutil.copytree(tmp_path / "pool", pool)
    for path in pool.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    code, _, err = call("reader", "make", run)
    assert (code, "is damaged; remove it" in err) == (2, True)

    data = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(data | {"labels": "0" * 64}))
    code, _, err = call("reader", "make", run)
    assert (code, "changed since" in err) == (2, True)
    study = json.loads((run / "study.json").read_text())
    study["data"] = {"kind": "folder", "path": str(tmp_path / "gone")}
    (run / "study.json").write_text(json.dumps(study))
    code, _, err = call("reader", "make", run)
    assert (code, err.count("\n")) == (2, 1)
    assert "gone does not" in err
    assert not (run / "reader").exists()


def test_score_refuses_other_pages_and_readers_twice(call, run, tmp_path):
    def right(place, truth):
        return truth["class"], truth["origin"]

    key = json.loads(make_reader_page(run, 10, 10).key.read_text())
    other = json.loads(make_reader_page(run, 12, 10).key.read_text())
    anna = write_answers(tmp_path, key, "Anna", right)
    ben = write_answers(tmp_path, key, "Ben", right, page="0123456789ab")
    cleo = write_answers(tmp_path, other, "Cleo", right)
    twice = write_answers(tmp_path, key, "Dora", right, reader="anna")
    strange = write_answers(tmp_path, key, "Emil", right, answers={"zzz": {}})
    for files, parts in (
        ([anna, ben], [ben.name, "0123456789ab", key["page"], other["page"]]),
        ([anna, cleo], [anna.name, cleo.name, key["page"], other["page"]]),
        ([anna, twice], [anna.name, twice.name, "once"]),
        ([anna, anna], ["once"]),
        ([strange], ["image 'zzz' is not on page"]),
        ([run / "results.json"], ["must be a file of answers"]),
        ([tmp_path / "none.json"], ["none.json cannot be read"]),
    ):
        code, out, err = call("reader", "score", run, *files)
        assert (code, out) == (2, "")
        assert err.count("augsearch: ") == 1
        assert all(part in err for part in parts), err
    assert call("reader", "score", run, anna)[0] == call("reader", "score", run, cleo)[0] == 0
    (run / "reader" / key["page"] / "key.json").write_text("{}")
    code, _, err = call("reader", "score", run, anna)
    assert (code, "must hold the key of page" in err) == (2, True)


@pytest.mark.parametrize("command", [[], ["make"], ["score"]])
def test_help(call, command):
    code, out, err = call("reader", *command, "--help")
    assert (code, err) == (0, "")
    assert " ".join(["Usage: augsearch reader", *command]) in out
