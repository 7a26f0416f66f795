from collections.abc import Callable
from pathlib import Path

import pytest

from augsearch.study.presets import CLASSIFIER_PRESETS
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

HEAD = 'data.kind = "demo"\narms.real = {}\n[classifier]\nkind = "end-to-end"\n'


def test_a_preset_fills_what_the_file_leaves_out(load: Load) -> None:
    table = load(HEAD + 'preset = "fridadar2018"\nepochs = 5').classifier
    assert isinstance(table, EndToEndOptions)
    assert table.model_dump() == {
        "kind": "end-to-end",
        "preset": "fridadar2018",
        "network": "fridadar2018",
        "weights": "random",
        "input_size": None,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "batch_size": 64,
        "epochs": 5,
        "patience": None,
        "normalise": "mean-image",
        "precision": "auto",
    }
    assert EndToEndOptions.model_validate(table.model_dump()) == table


@pytest.mark.parametrize("preset", CLASSIFIER_PRESETS)
def test_every_preset_is_a_valid_table(load: Load, preset: str) -> None:
    table = load(HEAD + f'preset = "{preset}"').classifier
    given = CLASSIFIER_PRESETS[preset]
    assert {key: getattr(table, key) for key in given} == given


def test_what_the_papers_fixed(load: Load) -> None:
    cheng = load(HEAD + 'preset = "cheng2021"\nnetwork = "densenet121"').classifier
    assert isinstance(cheng, EndToEndOptions)
    assert (cheng.network, cheng.batch_size, cheng.epochs) == ("densenet121", 64, 40)
    assert cheng.learning_rate == 1e-4
    roglin = load(HEAD + 'preset = "roglin2022"').classifier
    assert isinstance(roglin, EndToEndOptions)
    assert roglin.network == "roglin2022"
    dhawan = load(HEAD + 'preset = "dhawan2024"').classifier
    assert isinstance(dhawan, EndToEndOptions)
    assert dhawan.network == "efficientnet_v2_s"
    assert dhawan.patience is not None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            'preset = "fridadr2018"',
            "5: classifier.preset: must be one of fridadar2018, roglin2022, cheng2021, dhawan2024 "
            "but got 'fridadr2018' (did you mean 'fridadar2018'?)",
        ),
        (
            'network = "roglin2020"',
            "5: classifier.network: must be fridadar2018, roglin2022 or a torchvision name that "
            "begins with densenet, resnet, resnext, wide_resnet, efficientnet_v2 but got "
            "'roglin2020' (did you mean 'roglin2022'?)",
        ),
        (
            'preset = "roglin2022"\nweights = "imagenet"',
            "6: classifier.weights: must be 'random' for network roglin2022, whose weights nobody "
            "publishes, but got 'imagenet'; drop weights",
        ),
        ("epochs = 3", "3: classifier.network: is missing"),
        (
            'preset = "cheng2021"\nbatch_size = 1',
            "6: classifier.batch_size: must be at least 2 but got 1",
        ),
        (
            'preset = "cheng2021"\noptimizer = "adagrad"',
            "6: classifier.optimizer: must be one of adam, sgd, rmsprop but got 'adagrad'",
        ),
    ],
)
def test_one_broken_rule_one_message(problems: Problems, lines: str, expected: str) -> None:
    assert problems(HEAD + lines) == [f"study.toml:{expected}"]


def test_tables_of_arms_are_checked_too(problems: Problems) -> None:
    text = 'data.kind = "demo"\narms.real = {classifier = "deep"}\n[classifiers.deep]\n'
    [message] = problems(text + 'kind = "end-to-end"\nnetwork = "vgg16"')
    assert message.startswith("study.toml:5: classifiers.deep.network: must be fridadar2018,")


def test_a_weight_file_is_found_beside_the_study(load: Load, tmp_path: Path) -> None:
    (tmp_path / "w.pth").touch()
    table = load(HEAD + 'network = "resnet18"\nweights = "w.pth"').classifier
    assert isinstance(table, EndToEndOptions)
    assert table.weights == tmp_path / "w.pth"
