import json
from pathlib import Path

import pytest

from augsearch.errors import DataError
from augsearch.reader.answers import (
    Answers,
    check_images,
    check_page,
    check_together,
    read_answers,
)
from augsearch.reader.key import Key

KEY = Key.model_validate(
    {
        "page": "a" * 12,
        "classes": ["clear", "fluid"],
        "images": {"00000001": {"class": "clear", "origin": "real", "place": "1.png"}},
    }
)


def content(**changes):
    return {
        "format": "augsearch reader answers",
        "version": 1,
        "page": "a" * 12,
        "reader": "Anna",
        "answers": {"00000001": {"class": "clear", "origin": "real"}},
    } | changes


def answers(**changes):
    return Answers.model_validate(content(**changes))


def test_what_the_page_saves_is_read(tmp_path):
    file = tmp_path / "answers-Anna.json"
    file.write_text(json.dumps(content(answers={"00000001": {"class": "clear"}, "2": {}})))
    read = read_answers(file)
    assert (read.reader, read.page) == ("Anna", "a" * 12)
    assert read.answers["00000001"].class_name == "clear"
    assert read.answers["00000001"].origin is None
    assert read.answers["2"].class_name is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[" * 100_000, "JSON"),
        ("\udcff", "JSON"),
        ("[]", "object"),
        (json.dumps({"schema_version": 1}), "format"),
        (json.dumps(content(version=2)), "version"),
        (json.dumps(content(reader="")), "reader"),
        (json.dumps(content(reader="  ")), "reader"),
        (json.dumps(content(answers=[])), "answers"),
        (json.dumps(content(answers={"1": {"origin": "fake"}})), "answers.1.origin"),
        (json.dumps(content(answers={"1": {"label": "clear"}})), "answers.1.label"),
        (json.dumps(content(answers={"1": {"class": 1}})), "answers.1.class"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, text, reason):
    file = tmp_path / "else.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        read_answers(file)
    message = str(caught.value)
    assert message.startswith(f"{file} must be a file of answers")
    assert reason in message
    assert len(message) < 500 + len(str(file))


def test_a_file_that_is_not_there_or_a_folder(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_answers(path)


def test_answers_of_another_page_say_which_and_which_the_run_has():
    path, run = Path("answers.json"), Path("runs/tiny")
    check_page(path, answers(), run, ["a" * 12])
    with pytest.raises(DataError) as caught:
        check_page(path, answers(page="../key"), run, ["a" * 12, "b" * 12])
    for part in ("answers.json", "'../key'", "runs/tiny", "a" * 12, "b" * 12):
        assert part in str(caught.value)
    with pytest.raises(DataError, match="has none yet"):
        check_page(path, answers(), run, [])


def test_unknown_images_and_classes_are_refused():
    path = Path("answers.json")
    check_images(path, answers(), KEY)
    with pytest.raises(DataError, match=r"answers\.json: image '00000002' is not on page 'aaa"):
        check_images(path, answers(answers={"00000002": {}}), KEY)
    with pytest.raises(DataError, match=r"one of 'clear', 'fluid' but got 'Fluid' \(did you mean"):
        check_images(path, answers(answers={"00000001": {"class": "Fluid"}}), KEY)


def test_a_reader_is_there_once_and_all_answer_one_page():
    paths = [Path("1.json"), Path("2.json")]
    check_together(paths, [answers(), answers(reader="Ben")])
    with pytest.raises(DataError, match=r"1\.json and 2\.json are both by ' anna '"):
        check_together(paths, [answers(), answers(reader=" anna ")])
    with pytest.raises(DataError, match=r"1\.json answers 'aaa.*2\.json answers 'bbb"):
        check_together(paths, [answers(), answers(reader="Ben", page="b" * 12)])
