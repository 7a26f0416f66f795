from collections.abc import Callable
from pathlib import Path

import pytest

from augsearch.errors import StudyFileError
from augsearch.study.loading import load_study_file
from augsearch.study.schema.study import StudyFile

VALID = """\
seed = 3
[data]
kind = "demo"
[sources.acgan]
kind = "acgan"
[sources.classic]
kind = "classic"
[arms.real]
[arms.search.search]
source = "acgan"
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], StudyFile]:
    def write_and_load(text: str) -> StudyFile:
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return load_study_file(path)

    return write_and_load


@pytest.fixture
def problems(load: Callable[[str], StudyFile]) -> Callable[[str], list[str]]:
    """Give the messages of a faulty study without the folder, sorted by line."""

    def failing(text: str) -> list[str]:
        with pytest.raises(StudyFileError) as caught:
            load(text)
        folder = str(caught.value.path.parent)
        return str(caught.value).replace(folder + "/", "").replace(folder, "FOLDER").splitlines()

    return failing


@pytest.fixture
def valid() -> str:
    return VALID
