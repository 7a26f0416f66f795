import numpy as np
import pytest

from augsearch.controller.finished_runs.reader_images import FrozenStudy, synthetic_images
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.errors import SourceError
from augsearch.files import write_json

GAN = {"kind": "acgan"}


def study_of(arms, sources):
    settings = {"name": "tiny", "seed": 0, "data": {"kind": "demo"}, "images": {}}
    return FrozenStudy.model_validate(settings | {"arms": arms, "sources": sources})


def make_pool(run, source, fold=0, label=0, first=0, count=4, value=0, key="a"):
    folder = run.artifacts / f"source-{source}-fold{fold}" / "pool"
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.full((count, 2, 2, 1), value, dtype=np.uint8)
    pixels[:, 0, 0, 0] = range(first, first + count)
    np.save(folder / f"class{label}_{first}-{first + count}_{key * 64}.npy", pixels)


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path)


def found(run, arms, sources, declared):
    write_json(run.path / "declaration.json", {"arm": declared})
    return synthetic_images(run, study_of(arms, sources), ("no", "yes"))


def test_the_sources_are_those_of_the_declared_arm_and_of_its_base(run):
    sources = dict.fromkeys(("one", "two", "three", "four"), GAN) | {
        "flips": {"kind": "classic"},
        "again": {"kind": "repeat"},
    }
    arms = {
        "real": {},
        "low": {"balance": "two"},
        "high": {
            "base": "low",
            "add": [{"source": "again", "multiple": 2}, {"source": "three", "multiple": 2}],
            "search": {"source": "flips"},
        },
        "plain": {"search": {"source": "flips"}},
    }
    for name in sources:
        make_pool(run, name)
    assert found(run, arms, sources, "high").sources == ("two", "three")
    assert found(run, arms, sources, "low").sources == ("two",)
    for declared in ("plain", "real", None):  # none of its own: the first of the study
        assert found(run, arms, sources, declared).sources == ("one",)


def test_without_images_of_a_generator_there_is_nothing_to_show(run):
    make_pool(run, "flips")
    sources = {"flips": {"kind": "classic"}, "gan": GAN}
    with pytest.raises(SourceError, match="must hold synthetic images"):
        found(run, {"real": {}}, sources, None)


def test_every_image_of_all_folds_is_there_once_and_read_by_its_number(run):
    make_pool(run, "gan", fold=0, label=1, first=64, value=10)
    make_pool(run, "gan", fold=0, label=1, first=64, value=11, key="b")  # made twice
    make_pool(run, "gan", fold=1, label=0, first=0, count=3, value=20)
    make_pool(run, "gan-fold1", fold=0, label=0, value=30)  # another source
    folder = run.artifacts / "source-gan-fold0" / "pool"
    (folder / ".class0_0-4_x.npy.1.tmp").write_bytes(b"half")
    arms = {"real": {}, "gan": {"search": {"source": "gan"}}}
    images = found(run, arms, {"gan": GAN, "gan-fold1": GAN}, "gan")
    assert images.labels.tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert images.class_counts() == (3, 4)
    taken = images.take(np.array([6, 0, 3]))
    assert taken.names == ("gan, fold 1, image 2", "gan, fold 0, image 64", "gan, fold 0, image 67")
    assert taken.labels.tolist() == [0, 1, 1]
    assert taken.pixels[:, 0, 0, 0].tolist() == [2, 64, 67]
    assert taken.pixels[:, 1, 1, 0].tolist() == [20, 10, 10]
