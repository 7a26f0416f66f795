import shlex

import pytest

from augsearch import messages
from augsearch.messages import command_line, hint, lines, masked, names, printable, show


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann:S3cret@host/db",
        "postgresql+psycopg://ann:S3cret@host:5432/db?sslmode=require",
        "postgresql://ann:S3@cret/S3cret@host/db",
        "postgresql://S3cret@host/db",
        "postgresql://host/db?user=ann&password=S3cret",
        "postgresql://host/db?sslpassword=S3cret&sslmode=require",
        "mysql://host/db?PASSWORD=S3cret",
        "https://host/x?access_token=S3cret",
        "ann:S3cret@host/db",
        "storage must be a URL but got 'ann:S3@cret@host/db'",
        "no answer: https://ann:S3cret@host and ftp://bob:S3cret@other",
    ],
)
def test_no_part_of_a_password_is_left(text):
    assert "cret" not in masked(text)
    assert "host" in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////data/mlflow.db",
        "http://127.0.0.1:5000/#/experiments/1",
        "s3://bucket/folder?versionId=3",
        "study.toml:7: a rule, write to ann@hospital.org, see https://host/path",
    ],
)
def test_what_is_no_secret_stays(text):
    assert masked(text) == text


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert printable("a\x1b[2Jb\r\x07\u202ec\udcff") == "a\\x1b[2Jb\\r\\x07\\u202ec\\udcff"
    assert printable("réponse\tà\n…") == "réponse\tà\n…"


def test_what_is_long_is_cut() -> None:
    word = "x" * 100_000
    for text in (names([word] * 30), lines([word] * 30), show(word), hint(word, ["y"])):
        assert len(text) < 13_000
    assert names(["a", "b", "c"], 2) == "'a', 'b' and 1 more"
    assert lines(["a", "b"], 1) == "\n  a\n  and 1 more"


def test_a_command_is_written_for_the_shells_of_the_system(monkeypatch) -> None:
    words = ["mlflow", "ui", "--backend-store-uri", r"sqlite:///C:\my runs\mlflow.db"]
    variables = {"MLFLOW_TRACKING_URI": "http://host:5000"}
    assert shlex.split(command_line(words)) == words
    assert command_line(words[:2], variables) == "MLFLOW_TRACKING_URI=http://host:5000 mlflow ui"
    monkeypatch.setattr(messages, "_ON_WINDOWS", True)
    assert command_line(words).endswith(r' --backend-store-uri "sqlite:///C:\my runs\mlflow.db"')
    assert command_line([r"C:\env\Scripts\mlflow.exe", "ui"]) == r"C:\env\Scripts\mlflow.exe ui"
    told = "mlflow ui (with MLFLOW_TRACKING_URI = http://host:5000 in the environment)"
    assert command_line(words[:2], variables) == told
