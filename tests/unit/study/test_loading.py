import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from augsearch.errors import StudyFileError
from augsearch.study.loading import load_study_file
from augsearch.study.schema.arms import WindowSearch
from augsearch.study.schema.data import KFoldSplit
from augsearch.study.schema.generators import AcganOptions
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]


def test_a_valid_file_with_its_defaults(load: Load, valid: str) -> None:
    study = load(valid)
    assert study.name == "study"
    assert study.seed == 3
    assert study.images.size == 64
    acgan = study.sources["acgan"]
    assert isinstance(acgan, AcganOptions)
    assert (acgan.preset, acgan.loss, acgan.iterations) == ("small-data", "hinge", 2000)
    assert study.arms["search"].search == WindowSearch(source="acgan", window=12)


def test_a_key_of_the_file_wins_over_its_preset(load: Load, valid: str) -> None:
    text = valid.replace('kind = "acgan"', 'kind = "acgan"\npreset = "kong2022"\niterations = 7')
    acgan = load(text).sources["acgan"]
    assert isinstance(acgan, AcganOptions)
    assert (acgan.loss, acgan.iterations) == ("cross-entropy", 7)


def test_paths_start_at_the_file_and_lists_become_tuples(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valid: str
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir("/")
    folder = 'kind = "folder"\npath = "images"\nclasses = ["b", "a"]\n[split]\nmethod = "k-fold"'
    study = load(valid.replace('kind = "demo"', folder))
    assert study.data.kind == "folder"
    assert study.data.path == (tmp_path / "images").resolve()
    assert study.data.classes == ("b", "a")
    assert study.split == KFoldSplit(method="k-fold")


def test_a_name_in_the_file_wins(load: Load, valid: str) -> None:
    assert load('name = "other"\n' + valid).name == "other"


FAULTS = [
    ('seed = "3"', "seed: must be a whole number but got '3'; write it without quotes"),
    ("seed = 1.5", "seed: must be a whole number but got 1.5"),
    ("seed = true", "seed: must be a whole number but got true"),
    ("seed = -1", "seed: must be at least 0 but got -1"),
    ("seed = 1979-05-27", "seed: must be a whole number but got the date or time 1979-05-27"),
    ("sed = 1", "sed: unknown key (did you mean 'seed'?)"),
    (
        "split.n_folds = 3",
        "split.n_folds: unknown key; the keys here are method, train, tune, test",
    ),
    (
        'device = "cude"',
        "device: must be one of auto, cpu, cuda, mps but got 'cude' (did you mean 'cuda'?)",
    ),
    ("images = 3", "images: must be a table but got 3"),
    ("images.size = 7", "images.size: must be at least 8 but got 7"),
    ("images.size = 4000", "images.size: must be at most 1,024 but got 4000"),
    ("images.channels = 2", "images.channels: must be one of 1, 3 but got 2"),
    (
        'images.channels = "1"',
        "images.channels: must be one of 1, 3 but got '1'; write it without quotes",
    ),
    (
        'external = { kind = "folder", path = "C:\\data" }',
        "not valid TOML: unescaped '\\' in a string, at column 43; put text with a \\ into single "
        "quotes, 'like this'",
    ),
    (
        'images.intensity_range = [0, "a"]',
        "images.intensity_range: must be 'full', 'image' or two numbers, [black, white], "
        'but got [0, "a"]',
    ),
    (
        "external = { kind = 'fodler', path = 'x' }",
        "external.kind: must be one of folder, csv, dicom, medmnist, demo, digits but got 'fodler' "
        "(did you mean 'folder'?)",
    ),
    (
        "external = { path = 'x' }",
        "external.kind: is missing; it must be one of folder, csv, dicom, medmnist, demo, digits",
    ),
    ("external = { kind = 'folder' }", "external.path: is missing"),
    (
        "external = { kind = 'folder', path = '.', label_colum = 'x' }",
        "external.label_colum: unknown key; the keys here are kind, path, classes, group_pattern",
    ),
    (
        "external = { kind = 'digits', classes = '1' }",
        "external.classes: must be a list, [like, this], but got '1'",
    ),
    (
        'split.method = "kfold"',
        "split.method: must be one of hold-out, k-fold, given but got 'kfold' "
        "(did you mean 'k-fold'?)",
    ),
    (
        'tracking.uri = "https://ann:S3cret@host"',
        "tracking.uri: must have no password in it but got https://***@host; set "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment",
    ),
    ("split.train = 0.5", "split: train, tune and test must add up to 1 but are 0.8 in all"),
    ("split.train = 1", "split.train: must be less than 1 but got 1"),
    ("split.train = nan", "split.train: must be a finite number but got NaN"),
    (
        "classifier.weights = 'imagnet'",
        "classifier.weights: must be 'imagenet', 'random' or an existing file (paths start at the "
        "study file) but got 'imagnet' (did you mean 'imagenet'?)",
    ),
    (
        "classifier.head.kind = 'logist'",
        "classifier.head.kind: must be one of adam, logistic but got 'logist' "
        "(did you mean 'logistic'?)",
    ),
    (
        "classifier.head = { kind = 'logistic', epochs = 3 }",
        "classifier.head.epochs: unknown key; the keys here are kind, penalty",
    ),
    (
        "evaluation.replicates = 0",
        "evaluation.replicates: must be at least 1 but got 0",
    ),
    (
        "tracking.enabled = 'yes'",
        "tracking.enabled: must be true or false but got 'yes'; write it without quotes",
    ),
]


@pytest.mark.parametrize(("line", "message"), FAULTS)
def test_one_fault_one_message(problems: Problems, valid: str, line: str, message: str) -> None:
    text = valid.replace("seed = 3", line)
    assert problems(text) == [f"study.toml:1: {message}"]


SOURCES = "acgan, dcgan, wgan, classic, repeat, folder, callable"
SOURCE_FAULTS = [
    (
        'kind = "acgn"\nwidth = 2',
        f"7: sources.x.kind: must be one of {SOURCES} but got 'acgn' (did you mean 'acgan'?)",
    ),
    ("kind = 3", f"7: sources.x.kind: must be one of {SOURCES} but got 3"),
    ("width = 2", f"6: sources.x.kind: is missing; it must be one of {SOURCES}"),
    (
        'kind = "acgan"\npreset = "small_data"',
        "8: sources.x.preset: must be one of kong2022, fridadar2018, roglin2022, "
        "dhawan2024, small-data but got 'small_data' "
        "(did you mean 'small-data'?)",
    ),
    (
        'kind = "acgan"\npreset = ["small-data"]',
        "8: sources.x.preset: must be one of kong2022, fridadar2018, roglin2022, "
        'dhawan2024, small-data but got ["small-data"] '
        "(did you mean 'small-data'?)",
    ),
    (
        'kind = "classic"\ndegrees = 5\nshear = 5',
        "9: sources.x.shear: unknown key; the keys here are train_on, select, kind, "
        "horizontal_flip, vertical_flip, degrees, translate, scale, brightness, contrast, "
        "saturation",
    ),
    (
        'kind = "acgan"\ngenerator_filters = []',
        "8: sources.x.generator_filters: must have at least 1 entry but got []",
    ),
    (
        'kind = "acgan"\ngenerator_filters = [\n  8,\n  0,\n]',
        "10: sources.x.generator_filters.1: must be at least 1 but got 0",
    ),
    ('kind = "acgan"\ndropout = 1', "8: sources.x.dropout: must be less than 1 but got 1"),
    (
        'kind = "callable"\nfunction = "a.b"',
        "8: sources.x.function: must be of the form 'package.module:function' but got 'a.b'",
    ),
    (
        'kind = "folder"\npath = "a\\u0000b"',
        "8: sources.x.path: must be the path of a file or folder but got 'a\\x00b'",
    ),
    (
        f'kind = "folder"\npath = "{"a" * 5000}"',
        f"8: sources.x.path: must be the path of a file or folder but got '{'a' * 60}'",
    ),
    (
        'kind = "folder"\npath = "gone"',
        "8: sources.x.path: must exist but FOLDER/gone does not; paths start at the study file",
    ),
]


@pytest.mark.parametrize(("table", "message"), SOURCE_FAULTS)
def test_faults_of_sources(problems: Problems, tmp_path: Path, table: str, message: str) -> None:
    text = f"# one\n# two\n[data]\nkind = 'demo'\n[arms.real]\n[sources.x]\n{table}\n"
    expected = message.replace("FOLDER/", "")
    assert problems(text) == [f"study.toml:{expected}"]


def test_all_problems_come_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
[arms.search.search]
source = "acgan"
windw = 12
window = 0
[data]
kind = "demo"
train = 2
[sources."bad name"]
kind = "repeat"
[[arms.fix.add]]
source = "a"
"""
    assert problems(text) == [
        "study.toml:3: arms.search.search.windw: unknown key (did you mean 'window'?)",
        "study.toml:4: arms.search.search.window: must be at least 1 but got 0",
        "study.toml:7: data.train: must be at least 4 but got 2",
        'study.toml:8: sources."bad name": a name must begin with a letter or digit and go on with '
        "letters, digits, '.', '_' and '-' but got 'bad name'",
        "study.toml:10: arms.fix.add.0: must have one of multiple, added, per_class and "
        "everything; give just one",
    ]


def test_an_empty_file_says_what_a_study_needs(problems: Problems) -> None:
    assert problems("") == [
        "study.toml: data: is missing; add a table [data] with kind = one of folder, csv, "
        "dicom, medmnist, demo, digits",
        "study.toml: arms: must have at least one arm; add the table [arms.real]",
    ]


def test_syntax_errors_have_a_line(problems: Problems) -> None:
    assert problems("a = 1\nb 2\n") == [
        "study.toml:2: not valid TOML: expected '=' after a key in a key/value pair, at column 3"
    ]
    [message] = problems('a = 1\n\nb = "open')
    assert message.startswith("study.toml:3: not valid TOML: ")


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 9000, "a" + ".a" * 200 + "=1"]
)
def test_absurd_files_are_refused(problems: Problems, text: str) -> None:
    assert len(problems(text)) == 1


def test_encodings(tmp_path: Path, valid: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(valid.encode("utf-8-sig"))
    with pytest.raises(StudyFileError, match=r"s\.toml:1: must be UTF-8 without a byte order mark"):
        load_study_file(path)
    path.write_bytes(b"a = 1\n# M\xfcller\n")
    with pytest.raises(
        StudyFileError, match=r"s\.toml:2: must be UTF-8 text but has the byte 0xfc"
    ):
        load_study_file(path)
    path.write_bytes(valid.encode("utf-16"))
    with pytest.raises(StudyFileError, match=r"s\.toml:1: must be UTF-8"):
        load_study_file(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="study file must exist"):
        load_study_file(tmp_path / "none.toml")
    with pytest.raises(StudyFileError, match="must be a study file but is a folder"):
        load_study_file(tmp_path)
    with pytest.raises(StudyFileError, match="cannot be read"):
        load_study_file(tmp_path / "nul\0byte.toml")


def test_a_file_name_that_is_no_study_name(tmp_path: Path, valid: str) -> None:
    path = tmp_path / "my study.toml"
    path.write_text(valid)
    with pytest.raises(StudyFileError, match=r"name: must begin .* set name = "):
        load_study_file(path)
    path.write_text('name = "fine"\n' + valid)
    assert load_study_file(path).name == "fine"


def test_no_message_speaks_of_pydantic(problems: Problems) -> None:
    text = "\n".join(line for line, _ in FAULTS if "." in line.split("=")[0])
    for message in problems(text):
        assert not any(word in message for word in ("function-", "Input", "tag", "()", "pydantic"))


def test_the_room_is_light() -> None:
    modules = ("loading", "compare", "rules.consistency", "json_schema")
    loaded = ", ".join(f"augsearch.study.{name}" for name in modules)
    code = (
        f"import sys, {loaded}; "
        "print(sorted({'torch', 'mlflow', 'optuna', 'sklearn', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_list_of_wrong_items_is_not_called_too_short(problems: Problems, valid: str) -> None:
    text = valid + "rule = 'sweep'\nmultiples = ['2']\n"
    assert problems(text) == [
        "study.toml:12: arms.search.search.multiples.0: must be a number but got '2'; write it "
        "without quotes"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a." * 40_000 + "a = 1", "nested at most 50 deep"),
        ("[" + "a." * 40_000 + "a]", "nested at most 50 deep"),
        ("# " + "x" * 2**20, "more than the 1,048,576"),
    ],
)
def test_files_that_would_take_minutes_are_refused_at_once(
    problems: Problems, text: str, words: str
) -> None:
    started = time.monotonic()
    (problem,) = problems(text)
    assert words in problem
    assert time.monotonic() - started < 10


def test_of_a_file_that_is_wrong_from_end_to_end_fifty_problems_are_shown(
    problems: Problems,
) -> None:
    started = time.monotonic()
    found = problems("".join(f"k{number} = 1\n" for number in range(20_000)))
    assert len(found) == 51
    assert found[-1] == "study.toml: and 19952 more"  # data and arms are missing, too
    assert time.monotonic() - started < 20


def test_what_never_ends_is_no_study_file() -> None:
    with pytest.raises(StudyFileError, match="a device or a pipe"):
        load_study_file(Path("/dev/zero"))


def test_a_study_of_thousands_of_arms_is_refused_at_once(problems: Problems, valid: str) -> None:
    arms = "".join(f"[arms.a{number}]\nbase = 'a{number + 1}'\n" for number in range(3_000))
    started = time.monotonic()
    assert any("must have at most 200 entries" in problem for problem in problems(valid + arms))
    assert time.monotonic() - started < 20
