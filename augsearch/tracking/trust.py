"""Which stores are the user's own: the outbox of a run that somebody else made may name any.

MLflow signs in at whatever store it is given with what the environment holds, makes its tables in
whatever database that is, and puts files wherever that store says: into a folder of this machine,
or on a third server, where it signs in as well. A store that the user has named himself, as
MLFLOW_TRACKING_URI, may do so.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from urllib.parse import quote, urlsplit

from augsearch.errors import TrackingError
from augsearch.files import real_path
from augsearch.messages import command_line, masked, show
from augsearch.tracking.store import absolute_uri, sqlite_file

_NAMED = "MLFLOW_TRACKING_URI"
_PORTS = {"http": 80, "https": 443}
_PASSWORDS = {"postgresql": "PGPASSWORD", "mysql": "MYSQL_PWD", "mssql": ""}
"""What the clients of databases read by themselves."""
_DATABRICKS = ("databricks", "databricks-uc", "uc")
"""Stores that are named without a scheme."""


def is_named(uri: str) -> bool:
    """Return whether MLFLOW_TRACKING_URI is this store or, of web addresses, the same server."""
    named = os.environ.get(_NAMED)
    return bool(named) and _server(absolute_uri(str(named))) == _server(absolute_uri(uri))


def sync_command(run: Path, uri: str) -> str:
    """Return the command that sends a run's entries later, whatever the environment then holds.

    Example:
        >>> sync_command(Path("runs/x"), "sqlite:///runs/mlflow.db")
        'augsearch sync runs/x'
    """
    needs_no_name = is_named(uri) or (_is_local(uri) and _is_at_home(uri, real_path(run)))
    variables = {} if needs_no_name else {_NAMED: _shown(uri)}
    return command_line(["augsearch", "sync", str(run)], variables)


def is_server(uri: str) -> bool:
    """Return whether a store is a server's, and no file of this machine."""
    return not _is_local(uri)


def no_sign_in(uri: str) -> None:
    """Refuse a store on the network that the user has not named, where MLflow would sign in.

    Raises:
        TrackingError: That is so.
    """
    if _is_local(uri) or is_named(uri) or not _signs_in(uri):
        return
    raise TrackingError(
        "a server must be named by you before your password goes there: the run may be somebody "
        f"else's. It names {show(masked(uri))}, MLflow would sign in there with what this "
        f"environment holds (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and the like), "
        f"and {_NAMED} {_instead()}. Nothing was sent. If that server is yours, set "
        f"{_NAMED}={command_line([_shown(uri)])} for this command; if not, take the passwords "
        "out of it."
    )


def nothing_made_elsewhere(uri: str, run: Path) -> None:
    """Refuse a local store that the user has not named and that MLflow would have to make.

    What is a store already may lie anywhere; a new one may lie beside the run, or in it.

    Args:
        uri: The store.
        run: The run directory, without links.

    Raises:
        TrackingError: That is so.
    """
    if not _is_local(uri) or is_named(uri) or _is_at_home(uri, run):
        return
    raise TrackingError(
        "a store on this machine must be a SQLite file with MLflow's tables, or a new one beside "
        "the run, unless you name it: the run may be somebody else's. It names "
        f"{show(masked(uri))}. Nothing was sent. If that place is yours, set "
        f"{_NAMED}={command_line([_shown(uri)])} for this command."
    )


def _is_at_home(uri: str, run: Path) -> bool:
    file = sqlite_file(uri)
    if file is None or "?" in uri:  # an option may name another file
        return False
    with contextlib.suppress(OSError, sqlite3.Error):
        place = real_path(file)
        if place.is_file() and place.stat().st_size:
            return _has_tables(place)
        return not place.is_dir() and (place.parent == run.parent or place.is_relative_to(run))
    return False


def _has_tables(file: Path) -> bool:
    database = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    with contextlib.closing(database):
        query = "SELECT 1 FROM sqlite_master WHERE name = 'experiments'"
        return database.execute(query).fetchone() is not None


def keeps_to_store(uri: str, place: str, folder: str) -> bool:
    """Return whether files for `folder` below the artifact URI `place` stay with the store.

    That is beside a SQLite file, or through the server itself.
    """
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository
    from mlflow.utils.file_utils import local_file_uri_to_path

    match _scheme(place):
        case "" | "file":
            file = sqlite_file(absolute_uri(uri))
            target = Path(local_file_uri_to_path(place)) / folder
            return file is not None and _is_inside(target, real_path(file.parent))
        case "mlflow-artifacts" if _scheme(uri) in _PORTS:
            return _server(MlflowArtifactsRepository.resolve_uri(place, uri)) == _server(uri)
        case "http" | "https":
            return _server(place) == _server(uri)
        case _:
            return False


def _is_inside(target: Path, base: Path) -> bool:
    """Return whether a folder lies in another and holds no links, through which MLflow writes."""
    found = target.rglob("*") if target.is_dir() else ()
    return real_path(target).is_relative_to(base) and not any(one.is_symlink() for one in found)


def _scheme(uri: str) -> str:
    """Return the scheme without the driver of a database, "" for a path."""
    try:
        scheme = urlsplit(uri).scheme.partition("+")[0]
        return "" if len(scheme) == 1 else scheme  # a drive of Windows
    except ValueError:  # "http://[" and the like; nothing local is written so
        return "unknown"


def _is_local(uri: str) -> bool:
    return _scheme(uri) in ("", "file", "sqlite") and uri not in _DATABRICKS


def _server(uri: str) -> str:
    """Return scheme, host and port of a web address as the HTTP client reads them, else all."""
    from urllib3.util import parse_url

    if _scheme(uri) not in _PORTS:
        return uri
    try:
        url = parse_url(uri)
    except ValueError:
        return uri
    if url.scheme is None or url.host is None:
        return uri
    port = "" if url.port in (None, _PORTS[url.scheme]) else f":{url.port}"
    return f"{url.scheme}://{url.host}{port}"


def _shown(uri: str) -> str:
    """Return what MLFLOW_TRACKING_URI may be set to, if it can be shown and pasted."""
    address = _server(uri)
    active = set(address) & set('"$`%')  # in double quotes, too
    return "URL" if len(address) > 300 or active or masked(address) != address else address


def _instead() -> str:
    named = os.environ.get(_NAMED)
    return f"is {show(masked(named))}" if named else "is not set"


def _signs_in(uri: str) -> bool:
    """Return whether a password would be sent; a plug-in has its own ways, and is taken to."""
    scheme = _scheme(uri)
    if scheme in _PASSWORDS:
        return bool(os.environ.get(_PASSWORDS[scheme]))
    if scheme not in _PORTS:
        return True
    from mlflow.utils.credentials import get_default_host_creds

    held = get_default_host_creds(uri)  # of the environment, or of ~/.mlflow/credentials
    return any((held.username, held.password, held.token, held.auth, held.aws_sigv4))
