"""The study files that come with augsearch."""

import re
from pathlib import Path

import pytest

from augsearch.study.loading import load_study_file
from augsearch.study.order import search_order
from augsearch.study.schema.study import StudyFile

STUDIES = Path(__file__).parents[3] / "studies"
PUBLISHED = ("kong2022", "fridadar2018", "roglin2022", "cheng2021", "dhawan2024")


def test_all_five_published_procedures_are_there() -> None:
    assert {path.stem for path in STUDIES.glob("*.toml")} == {"quickstart", *PUBLISHED}


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_study_loads_and_names_its_paper(path: Path) -> None:
    study = load_study_file(path)
    assert study.name == path.stem
    assert sorted(search_order(study)) == sorted(study.arms)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    if path.stem in PUBLISHED:
        assert path.stem[-4:] in first  # the year


@pytest.fixture(params=PUBLISHED)
def published(request: pytest.FixtureRequest) -> StudyFile:
    return load_study_file(STUDIES / f"{request.param}.toml")


def test_a_published_study_runs_on_demo_images_and_prints_a_table(published: StudyFile) -> None:
    assert published.data.kind == "demo"  # so that it runs as it is
    assert published.report.tables


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_table_of_images_without_a_split_takes_the_place_of_data_alone(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text("image,label,patient\n")
    own = '[data]\nkind = "csv"\npath = "labels.csv"\ngroup_column = "patient"\n\n'
    text, replaced = re.subn(
        r"^\[data\].*?\n\n", own, (STUDIES / f"{name}.toml").read_text(), flags=re.M | re.S
    )
    assert replaced == 1
    (tmp_path / "own.toml").write_text(text)
    assert load_study_file(tmp_path / "own.toml").data.kind == "csv"


def test_fridadar_trains_its_generators_on_the_classic_optimum() -> None:
    study = load_study_file(STUDIES / "fridadar2018.toml")
    order = search_order(study)
    for name in ("classic-dcgan", "classic-acgan", "discriminator", "bag-of-words"):
        assert order.index("classic") < order.index(name)
    assert study.sources["dcgan"].train_on == study.sources["acgan"].train_on == "classic"


def test_roglin_tries_eighteen_settings_five_times() -> None:
    tune = load_study_file(STUDIES / "roglin2022.toml").tune
    assert tune is not None
    sizes, rates = tune.parameters.values()
    assert (len(sizes) * len(rates), tune.replicates) == (18, 5)
