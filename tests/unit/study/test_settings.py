from pathlib import Path

import pytest
from pydantic import ValidationError

from augsearch.study.schema.classifier import (
    AdamHead,
    EndToEndOptions,
    FrozenOptions,
    LogisticHead,
    PluginClassifierOptions,
)
from augsearch.study.schema.study import StudyFile
from augsearch.study.settings import setting_words, with_settings

HEAD = 'data.kind = "demo"\narms.real = {}\n'
FROZEN = (
    "backbone, weights, input_size, precision, head.outputs, head.epochs, head.batch_size, "
    "head.learning_rate, head.decay"
)
RULE = "must be 'imagenet', 'random' or an existing file (paths start at the study file) but got"


def test_dotted_keys_are_set_in_a_copy():
    table = FrozenOptions(backbone="resnet18", weights="random")
    changed = with_settings(table, {"head.batch_size": 32, "head.decay": 0.1, "input_size": 64})
    head = AdamHead(batch_size=32, decay=0.1)
    assert changed == table.model_copy(update={"head": head, "input_size": 64})
    assert table == FrozenOptions(backbone="resnet18", weights="random")
    assert with_settings(table, {}) == table


def test_the_kind_of_head_and_what_a_preset_gave_stay():
    logistic = FrozenOptions(head=LogisticHead(kind="logistic", penalty=2))
    assert with_settings(logistic, {"head.penalty": 0.5}).head == LogisticHead(
        kind="logistic", penalty=0.5
    )
    published = EndToEndOptions.model_validate({"kind": "end-to-end", "preset": "fridadar2018"})
    changed = with_settings(published, {"learning_rate": 0.1})
    assert changed == published.model_copy(update={"learning_rate": 0.1})


def test_options_of_a_plugin_are_set_too():
    table = PluginClassifierOptions(kind="mine", options={"depth": 3, "name": "x"})
    assert with_settings(table, {"options.depth": 5}).options == {"depth": 5, "name": "x"}


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"head.epoch": 1}, KeyError),
        ({"heads.epochs": 1}, KeyError),
        ({"head.epochs.more": 1}, KeyError),
        ({"head.epochs": 0}, ValidationError),
        ({"head.epochs": 1.5}, ValidationError),
        ({"head.penalty": 1.0}, KeyError),
    ],
)
def test_what_a_file_could_not_say_is_refused(settings, error):
    with pytest.raises(error):
        with_settings(FrozenOptions(), settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "parameters = {'head.epoch' = [1]}",
            f'4: tune.parameters."head.epoch": must be a setting of [classifier] ({FROZEN}) but '
            "got 'head.epoch' (did you mean 'head.epochs'?)",
        ),
        (  # they decide which settings there are
            "parameters.kind = ['end-to-end']",
            f"4: tune.parameters.kind: must be a setting of [classifier] ({FROZEN}) but got 'kind'",
        ),
        (
            "parameters = {'head.epochs' = [\n1,\n0]}",
            '4: tune.parameters."head.epochs": [classifier] does not take 0: must be at least 1 '
            "but got 0",
        ),
        (
            "parameters = {'head.epochs' = [1, '2']}",
            "4: tune.parameters.\"head.epochs\": [classifier] does not take '2': must be a whole "
            "number but got '2'; write it without quotes",
        ),
        (
            "method = 'tpe'\nparameters = {'head.batch_size' = {low = 1, high = 4.5}}",
            '5: tune.parameters."head.batch_size": [classifier] does not take 4.5: must be a whole '
            "number but got 4.5",
        ),
        (
            "parameters = {'head.outputs' = ['softmax', 'sigmod']}",
            "4: tune.parameters.\"head.outputs\": [classifier] does not take 'sigmod': must be one "
            "of softmax, sigmoid but got 'sigmod' (did you mean 'sigmoid'?)",
        ),
    ],
)
def test_settings_that_the_classifier_does_not_have(problems, text, expected):
    assert problems(f"{HEAD}[tune]\n{text}") == [f"study.toml:{expected}"]


def test_weight_files_start_at_the_study_file(load, tmp_path, monkeypatch):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "chest.safetensors").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    file = str(tmp_path / "nets" / "chest.safetensors")
    tuned = "[tune]\nparameters.weights = ['random', 'nets/chest.safetensors', 'imagenet']"
    study = load(HEAD + tuned)
    assert study.tune.parameters["weights"] == ("random", file, "imagenet")
    assert with_settings(study.classifier, {"weights": file}).weights == Path(file)
    # What the run directory keeps is the same study, wherever it is read.
    assert StudyFile.model_validate(study.model_dump(mode="json")) == study


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("cwd.pt", RULE),  # there, but not where the study file is
        ("imagenett", RULE),
        ("nets", "must be a file but FOLDER/nets is a folder"),
        ("~nobody-here/x.pt", RULE),
    ],
)
def test_weight_files_that_are_not_there(problems, tmp_path, monkeypatch, value, why):
    (tmp_path / "nets").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "cwd.pt").touch()
    monkeypatch.chdir(elsewhere)
    [message] = problems(HEAD + f"[tune]\nparameters.weights = ['random', '{value}']")
    assert message.startswith("study.toml:4: tune.parameters.weights: [classifier] does not take ")
    assert why.replace("FOLDER/", "") in message


def test_settings_in_words():
    setting = {"weights": "random", "options.deep": True, "head.decay": 1.23456789e-5, "epochs": 7}
    words = "weights random, options.deep true, head.decay 1.23457e-05, epochs 7"
    assert setting_words(setting) == words


def test_a_preset_is_no_setting(problems):
    own = "[classifier]\nkind = 'end-to-end'\npreset = 'roglin2022'\n"
    [message] = problems(f"{HEAD}{own}[tune]\nparameters.preset = ['fridadar2018']")
    assert message.startswith("study.toml:7: tune.parameters.preset: must be a setting of")
    assert "learning_rate" in message


def test_every_classifier_that_an_arm_uses_must_take_the_settings(problems, load):
    tables = "[classifiers.words]\nkind = 'bag-of-words'\n[classifiers.idle]\nkind = 'bag-of-words'"
    tune = "[tune.parameters]\n'head.epochs' = [1, 2]\n"
    load(f"{HEAD}{tune}{tables}")  # no arm uses them
    assert problems(f"{HEAD}arms.b.classifier = 'words'\n{tune}{tables}") == [
        'study.toml:5: tune.parameters."head.epochs": must be a setting of [classifiers.words] '
        "(patch, stride, components, words, keep, penalty) but got 'head.epochs'"
    ]


def test_the_studys_own_classifier_may_be_one_that_no_arm_uses(load):
    text = "data.kind = 'demo'\narms.real.classifier = 'words'\ntune.parameters.words = [10, 20]\n"
    assert load(text + "classifiers.words.kind = 'bag-of-words'").tune is not None
