"""Hostile addresses of MLflow: in a run's outbox, in its study and in the environment.

A server answers as it likes: it is played here, in the place of the network. For a study that one
runs oneself, a SQLite store that is not there yet may lie anywhere; for `sync` and `export --track`
of a run it may not, unless the user has named it.
"""

from __future__ import annotations

import base64
import io
import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies as st
from requests import ConnectTimeout, PreparedRequest, ReadTimeout, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.util import parse_url

from augsearch.errors import AugsearchError
from hostile.arena import Case
from hostile.outboxes import as_lines, numbered
from hostile.places import ARGUMENTS, call

HELD = "held-S3cret"
"""The password of the environment."""
SECRET = "told-S3cret"
"""The password in an address."""
OWN = "https://mlflow.example.org/lab"
_HOST = "mlflow.example.org"
_NO_SERVERS = [
    *("", " ", "x", "nosuch://x", "javascript:alert(1)", "ftp://host/x", "s3://bucket/x", "-", "~"),
    *("databricks", "databricks://profile", "databricks-uc", "uc", "uc:http://host", "arn:aws:x:y"),
    *("http://", "http:///x", "http://[", "http://[::1", "http://host:99999", "http:host", "http"),
    *(
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "http://\x1b[2Jhost/",
        "http://host/\x1b]0;x\x07",
        "\u202ehttp://x",
    ),
    *(
        "http://" + "x" * 5000,
        "https://host/" + "x/" * 3000,
        "x" * 100_000,
        "\udcff",
        "http://\udcff",
    ),
    *(f"postgresql://ann:{SECRET}@127.0.0.1:9/x", "postgresql+psycopg://127.0.0.1:9/x?x=y"),
    *("postgresql+psycopg://ann@/x?host=@OUTSIDE@", "mysql://127.0.0.1:9/x", "mssql://x", "sqlite"),
]
_SERVERS = [
    *(OWN, OWN, f"https://{_HOST}:443", f"http://{_HOST}", f"https://{_HOST}:8443"),
    *("http://evil.example", "http://evil.example/x", f"https://{_HOST}@evil.example/"),
    *(f"https://evil.example\\@{_HOST}/", f" https://evil.example?@{_HOST}", "HTTP://evil.example"),
    *(f"http://ann:{SECRET}@evil.example", f"https://ann:{SECRET}@{_HOST}/lab"),
    *(f"https://{_HOST}/?token={SECRET}", f"http://ann:p@{SECRET}/w@evil.example/x#y"),
]
_FILES = [
    *("sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///store.db", "sqlite:///new/x.db"),
    *("sqlite:///figures", "sqlite:///pipe", "sqlite:///results.json", "sqlite:///ledger.db"),
    *(
        "sqlite:////dev/zero",
        "sqlite:////dev/null",
        "sqlite:////proc/self/mem",
        "sqlite:///store.db?x",
    ),
    *("sqlite:///@OUTSIDE@", "sqlite:///@OUTSIDE@/file.txt"),
    *("sqlite:///" + "x" * 5000, "sqlite:///" + "x/" * 3000, "sqlite:///a\0b", "sqlite:///\x1b[2J"),
    *("sqlite:///file:store.db?mode=ro&uri=true", "sqlite+nosuch:///x", "sqlite:///results.json/x"),
    *("file:@OUTSIDE@/new", "file:///", "file://host/x", "@OUTSIDE@/new", "../outside/new", "."),
]
_NEW_FILES = [
    *("sqlite:///@OUTSIDE@/new.db", "sqlite:///@OUTSIDE@/new/deep.db"),
    *("sqlite+pysqlite:///@OUTSIDE@/new.db", "sqlite:///file:@OUTSIDE@/new.db?mode=rwc&uri=true"),
    *("SQLITE:///@OUTSIDE@/new.db", "sqlite:///to-outside/new.db"),
]
"""Databases outside the case that nobody but the run has named."""
_ADDRESSES = st.one_of(*map(st.sampled_from, (_NO_SERVERS, _SERVERS, _SERVERS, _FILES)))
_PLACES = [
    *(
        "mlflow-artifacts:/1/r/artifacts",
        "mlflow-artifacts://evil.example/x",
        "http://evil.example",
    ),
    *("file://@OUTSIDE@/new", "@OUTSIDE@/new", "file:///dev", "../outside/new", "s3://evil/x", ""),
    *(
        "sftp://evil.example/x",
        "ftp://evil.example/x",
        f"https://{_HOST}/x",
        "runs:/r/x",
        "nosuch:x",
    ),
    *("models:/x/1", "dbfs:/x", "\x1b[2J", "file://@OUTSIDE@/file.txt", None, 7),
]
"""Where a server says that a run's files go."""
_RUN = ["run", "study.toml", "--out", ".", "--quiet"]
_EXPORT = ["export", ".", "--what", "features", "--track", "--quiet"]
_NAMED = [None, OWN, "http://evil.example"]
"""What the user has named, unless it is the address itself."""
_ANSWERS = ["good", "good", "good", "refuses", "redirects", "breaks", "rubbish", "hangs", "is gone"]


@st.composite
def cases(draw: st.DrawFn, run: Path, bulk: bool = True) -> Case:
    """Give a run addresses in its outbox, its study and the environment, and a server's answers."""
    command = draw(st.sampled_from([["sync", "."]] * 8 + [_RUN] * 2 + [_EXPORT] * (1 + bulk)))
    is_new = command != _RUN and draw(st.integers(0, 5)) == 0
    address = draw(st.sampled_from(_NEW_FILES)) if is_new else draw(_ADDRESSES)
    if not address:  # a run's default lies beside it, as it should, and that is outside the case
        command = ["sync", "."]
    study = json.loads((run / "study.json").read_text())
    named = draw(st.sampled_from(_NAMED))
    if draw(st.integers(0, 5)) == 0 and "\0" not in address and not is_new:
        named, study["tracking"]["uri"] = address, None
    else:
        study["tracking"]["uri"] = address
    study["tracking"]["enabled"] = True
    environment = {} if named is None else {"MLFLOW_TRACKING_URI": named}
    for name in draw(st.sampled_from([(), ("USERNAME", "PASSWORD"), ("TOKEN",)])):
        environment[f"MLFLOW_TRACKING_{name}"] = HELD
    place = draw(st.sampled_from(_PLACES))
    if named and _origin(named) == _origin(address):
        place = _PLACES[0]  # a server of one's own may say what it likes
    told = {
        "arguments": command,
        "environment": environment,
        "answers": draw(st.lists(st.sampled_from(_ANSWERS), min_size=1, max_size=3)),
        "place": place,
    }
    text = (run / "study.toml").read_text().replace("enabled = false", "enabled = true")
    text = f"name = {json.dumps(study['name'])}\n{text}"  # which the file's name was
    uri = study["tracking"]["uri"]
    files = {
        ARGUMENTS: json.dumps(told).encode(),
        "outbox.jsonl": _outbox(address),
        "study.json": json.dumps(study).encode(),
        "study.toml": (text + (f"uri = {_toml(uri)}\n" if uri is not None else "")).encode(),
    }
    links = {"to-outside": "@OUTSIDE@"} if "to-outside" in address else {}
    return Case(files, links, ("pipe",) if "pipe" in address else ())


def _outbox(address: str) -> bytes:
    named = {"uri": address, "experiment": "study", "study_run": "0" * 16}
    return b"\n".join([*as_lines([{"destination": named}, *numbered()]), b""])


def _toml(text: str) -> str:
    """Return a TOML string; what has no place in one is left to the outbox."""
    return json.dumps(text.encode(errors="replace").decode(), ensure_ascii=True)


class Server:
    """Every server there is: answers as it is told, and remembers who was given a password."""

    def __init__(self, answers: list[str], place: object) -> None:
        self._answers = self._forever(answers)
        self._place = place
        self.signed_in: set[str] = set()

    @staticmethod
    def _forever(answers: list[str]) -> Iterator[str]:
        yield from answers
        while True:
            yield "good"

    def send(self, adapter: HTTPAdapter, request: PreparedRequest, **_: Any) -> Response:
        """Stand in for `HTTPAdapter.send`."""
        header = str(request.headers.get("Authorization", "")).rpartition(" ")[2]
        if HELD in header or HELD.encode() in base64.b64decode(header + "==="):
            self.signed_in.add(_origin(str(request.url)))
        match next(self._answers):
            case "hangs":
                raise ReadTimeout(f"no answer from {request.url}")
            case "is gone":
                raise ConnectTimeout(f"no way to {request.url}")
            case "redirects":
                return self._response(adapter, request, 302, b"")
            case "refuses":
                return self._response(adapter, request, 401, b"no")
            case "breaks":
                return self._response(adapter, request, 500, b'{"error_code": "\x1b[2J"}')
            case "rubbish":
                return self._response(adapter, request, 200, b"\xff<html>\x1b[2J")
            case _:
                return self._response(adapter, request, 200, self._good())

    def _good(self) -> bytes:
        info = {"run_id": "r", "run_uuid": "r", "experiment_id": "1", "status": "RUNNING"}
        info |= {"artifact_uri": self._place, "lifecycle_stage": "active"}
        experiment = {"experiment_id": "1", "name": "study", "lifecycle_stage": "active"}
        runs: list[Any] = []
        answer = {"experiment": experiment, "run": {"info": info, "data": {}}, "runs": runs}
        return json.dumps(answer).encode()

    def _response(
        self, adapter: HTTPAdapter, request: PreparedRequest, status: int, body: bytes
    ) -> Response:
        headers = {"Location": "http://third.example/x"} if status == 302 else {}
        raw = HTTPResponse(io.BytesIO(body), headers, status, preload_content=False)
        return adapter.build_response(request, raw)


def act(folder: Path) -> None:
    """Give the command line its arguments, and look who got a password and what was printed.

    Raises:
        AugsearchError: It was refused with this message.
        AssertionError: A password went where the user did not say, or was printed or kept.
    """
    told = json.loads((folder / ARGUMENTS).read_text())
    server = Server(told["answers"], told["place"])
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_TRACK")}
    with (
        mock.patch.dict(
            os.environ, clean | told["environment"] | {"HOME": str(folder)}, clear=True
        ),
        mock.patch.object(HTTPAdapter, "send", _played(server)),
    ):
        try:
            printed = call(told["arguments"])
        except AugsearchError as error:
            _look(folder, str(error))
            raise
        finally:
            named = told["environment"].get("MLFLOW_TRACKING_URI")
            if told["arguments"] != _RUN and named in _NAMED:
                _look_at_servers(server, named)
    _look(folder, printed)


def _played(server: Server) -> Any:
    def send(adapter: HTTPAdapter, request: PreparedRequest, **options: Any) -> Response:
        return server.send(adapter, request, **options)

    return send


def _origin(url: str) -> tuple[str | None, str | None, int | None]:
    try:
        found = parse_url(url.lstrip())  # as the HTTP client does
    except ValueError:
        return None, url, None
    return found.scheme, found.host, found.port or {"http": 80, "https": 443}.get(str(found.scheme))


def _look_at_servers(server: Server, named: str | None) -> None:
    """A run may be somebody else's; a study that one runs is taken to be one's own."""
    own = {_origin(named)} if named and server.signed_in else set()
    if server.signed_in - own:
        raise AssertionError(f"{server.signed_in} got a password, named was {named!r}")


def _look(folder: Path, printed: str) -> None:
    if HELD in printed or SECRET in printed:
        raise AssertionError(f"a password was printed: {printed[-300:]!r}")
    if any(unicodedata.category(letter) == "Cc" for letter in printed if letter not in "\n\t"):
        raise AssertionError(f"what a terminal obeys was printed: {printed[-300:]!r}")
    for path in map(folder.joinpath, _WRITTEN):
        content = path.read_bytes() if path.is_file() else b""
        if HELD.encode() in content or SECRET.encode() in content:
            raise AssertionError(f"{path.name} holds a password")


_WRITTEN = ("outbox.cursor.json", "log.jsonl", "results.json", "report.html", "facts.json")
FIRST = Case(
    {
        "outbox.jsonl": _outbox(OWN),
        ARGUMENTS: json.dumps(
            {
                "arguments": ["sync", "."],
                "environment": {"MLFLOW_TRACKING_URI": OWN},
                "answers": ["good"],
                "place": _PLACES[0],
            }
        ).encode(),
    }
)
"""A store as it should be."""
