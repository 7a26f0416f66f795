"""Entries of the outbox, replayed into MLflow so that a repeated replay changes nothing.

Only `MlflowClient` with explicit run ids: the fluent API keeps a global active run and asynchronous
logging drops data without a word. A run is found again by its tag, and MLflow keeps one of several
points with the same run, key, step, timestamp and value, so an entry may be delivered twice.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from augsearch.errors import TrackingError
from augsearch.files import real_path, replacing
from augsearch.messages import masked, show
from augsearch.tracking.outbox import (
    Destination,
    Entry,
    FileAdded,
    ParametersSet,
    Point,
    PointsLogged,
    RunClosed,
    RunOpened,
    TagsSet,
)
from augsearch.tracking.store import (
    artifact_location,
    creating,
    sqlite_file,
    sqlite_uri,
)
from augsearch.tracking.trust import (
    is_named,
    keeps_to_store,
    no_sign_in,
    nothing_made_elsewhere,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

_TAG = "augsearch.key"
_DIRECTORY = "augsearch.run"
"""Tag that tells the runs of several run directories of a study apart for the eye."""
_MAX_METRICS = 1000
_MAX_PARAMETERS = 50  # MLflow takes 100, but a request of more than 1 MB is refused

# No re-sending inside MLflow: a "create run" sent again because its answer was lost makes a second
# run. The courier tries again by itself, after asking which runs are there.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what goes wrong is reported by augsearch, once
    "DO_NOT_TRACK": "true",
}


class Experiment:
    """One experiment on one MLflow store.

    Attributes:
        run_ids: Key of a run in the study -> MLflow's run id.
    """

    def __init__(self, destination: Destination, base: Path, foreign: bool = False) -> None:
        """Connect to nothing yet.

        Args:
            destination: Store, experiment and the study run's id.
            base: The run directory: paths of artifacts start at it, and none leads out of it.
            foreign: Whether the destination may be somebody else's choice: then nobody signs in
                there, no file leaves the store, and none is made away from the run, unless the
                user has named it.
        """
        self._destination = destination
        self._base = base
        self._foreign = foreign
        self._is_stranger = foreign and not is_named(destination.uri)
        self._repositories: dict[str, ArtifactRepository] = {}
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self.run_ids: dict[str, str] = {}

    def connect(self, known: Mapping[str, str]) -> bool:
        """Open the store, get or create the experiment, and look up this study run's runs.

        Args:
            known: The run ids of earlier deliveries.

        Returns:
            Whether all known runs are there. If not, another store, or one that has lost them,
            is at the other end, and delivery has to begin from the beginning.

        Raises:
            Exception: Whatever MLflow raises if the store does not answer.
        """
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        uri = self._destination.uri
        if self._is_stranger:
            no_sign_in(uri)
            nothing_made_elsewhere(uri, self._base)
        from mlflow import MlflowClient

        with creating(uri):
            _create_whole(uri)
            _answers(uri)
            client = MlflowClient(tracking_uri=uri)
            self._experiment_id = self._get_or_create_experiment(client)
        self.run_ids = self._find_runs(client, known)
        self._client = client
        return set(known.values()) <= set(self.run_ids.values())

    @property
    def connected(self) -> bool:
        """Whether the store answered and nothing went wrong since."""
        return self._client is not None

    def disconnect(self) -> None:
        """Forget the store; what is there has to be looked up anew."""
        self._client = None
        self._repositories.clear()

    def deliver(self, entries: Sequence[Entry]) -> None:
        """Replay entries, in an order that every action's needs are met, in few requests.

        Raises:
            FileNotFoundError: A file to add is no longer there.
            ValueError: A file to add is none of the run's.
            Exception: Whatever MLflow raises.
        """
        client = self._client
        if client is None:
            raise TrackingError("entries can only be delivered after connect()")
        points: dict[str, list[tuple[int, Point]]] = defaultdict(list)
        for entry in entries:
            match entry.action:
                case RunOpened():
                    self._open_run(client, entry.time_ms, entry.action)
                case ParametersSet(run, parameters):
                    self._set_parameters(client, self.run_ids[run], parameters)
                case PointsLogged():
                    for point in entry.action.points:
                        points[point.run].append((entry.time_ms, point))
                case _:
                    continue
        for run, of_run in points.items():
            _log_points(client, self.run_ids[run], of_run)
        for entry in entries:
            match entry.action:
                case FileAdded(run, path, folder):
                    self._add_file(client, self.run_ids[run], path, folder)
                case TagsSet(run, tags):
                    _set_tags(client, self.run_ids[run], tags)
                case RunClosed(run, tags):
                    _close(client, self.run_ids[run], tags, entry.time_ms)

    def _get_or_create_experiment(self, client: MlflowClient) -> str:
        uri, name = self._destination.uri, self._destination.experiment
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return client.create_experiment(name, artifact_location(uri))
        if experiment.lifecycle_stage == "deleted":
            raise TrackingError(
                f"experiment {name!r} must be active but was deleted; bring it back with "
                f"`mlflow experiments restore --experiment-id {experiment.experiment_id}` "
                "or set another tracking.experiment."
            )
        return experiment.experiment_id

    def _find_runs(self, client: MlflowClient, known: Mapping[str, str]) -> dict[str, str]:
        """Return key -> run id; of several runs with one key all but one are deleted."""
        found: dict[str, str] = {}
        expected = set(known.values())
        prefix = f"{self._destination.study_run}/"
        runs = list(_search(client, self._experiment_id, f"tags.`{_TAG}` LIKE '{prefix}%'"))
        # The one that entries were delivered to comes first; else any, but always the same.
        for run in sorted(runs, key=lambda r: (r.info.run_id not in expected, r.info.run_id)):
            key = run.data.tags[_TAG].removeprefix(prefix)
            if key in found:
                client.delete_run(run.info.run_id)
            found.setdefault(key, run.info.run_id)
        return found

    def _open_run(self, client: MlflowClient, time_ms: int, opened: RunOpened) -> None:
        parent: dict[str, str] = {}
        if opened.parent is not None:
            parent["mlflow.parentRunId"] = self.run_ids[opened.parent]
        if opened.run in self.run_ids:
            # A repeated delivery; the parent may be a new one if the old one was deleted.
            for key, value in parent.items():
                client.set_tag(self.run_ids[opened.run], key, value)
            return
        tags = {
            _TAG: f"{self._destination.study_run}/{opened.run}",
            _DIRECTORY: self._base.name,
            "mlflow.source.name": "augsearch",
        }
        run = client.create_run(
            self._experiment_id, start_time=time_ms, tags=tags | parent, run_name=opened.name
        )
        self.run_ids[opened.run] = run.info.run_id

    def _set_parameters(
        self, client: MlflowClient, run_id: str, parameters: Mapping[str, str]
    ) -> None:
        from mlflow.entities import Param

        items = [Param(key, value) for key, value in parameters.items()]
        for start in range(0, len(items), _MAX_PARAMETERS):
            client.log_batch(run_id, params=items[start : start + _MAX_PARAMETERS])

    def _add_file(self, client: MlflowClient, run_id: str, path: str, folder: str) -> None:
        place = real_path(self._base / path)
        if not place.is_relative_to(self._base):
            # A run that somebody else made must not send this machine's files to its server.
            raise ValueError(f"{path} must lie in the run directory, {self._base}, but does not")
        if place.is_dir():
            folder = folder or place.name
            repository = self._repository(client, run_id, folder)
            target = getattr(repository, "artifact_dir", None)  # of a store on this machine
            if target is not None and real_path(Path(target)).is_relative_to(place):
                raise ValueError(
                    f"{path} holds the store's own files and would be copied into itself"
                )
            repository.log_artifacts(str(place), folder)
        elif place.exists():
            self._repository(client, run_id, folder).log_artifact(str(place), folder or None)
        else:
            raise FileNotFoundError(f"{place} is no longer there")

    def _repository(self, client: MlflowClient, run_id: str, folder: str) -> ArtifactRepository:
        """Return where a run's files go, as the store said once: asked again, it may say another.

        Raises:
            ValueError: That is elsewhere, and the user has not named the store.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri, known = self._destination.uri, self._repositories.get(run_id)
        place = known.artifact_uri if known else str(client.get_run(run_id).info.artifact_uri)
        if self._is_stranger and not keeps_to_store(uri, place, folder):
            raise ValueError(
                f"files must stay with the store that the run names but would go to "
                f"{show(masked(place))}; if the store is yours, set MLFLOW_TRACKING_URI to it"
            )
        if known is None:  # only now: making one may sign in
            known = self._repositories[run_id] = get_artifact_repository(place, tracking_uri=uri)
        return known


def _create_whole(uri: str) -> None:
    """Make a new SQLite store under another name first.

    MLflow makes the tables one by one, and a store that was left in the middle of it cannot be
    used or mended afterwards.
    """
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    file = sqlite_file(uri)
    if file is not None and not (file.exists() and file.stat().st_size):
        with replacing(file) as temporary:
            store = SqlAlchemyStore(sqlite_uri(temporary), DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
            store.engine.dispose()  # Windows renames no file that is open


def _answers(uri: str) -> None:
    """Ask a database once: one that is gone MLflow would ask for minutes, without a word."""
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.utils.uri import get_uri_scheme
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    if get_uri_scheme(uri) in DATABASE_ENGINES:
        with create_engine(uri, poolclass=NullPool).connect():
            pass


def _search(client: MlflowClient, experiment_id: str, query: str) -> Iterator[Run]:
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment_id], filter_string=query, max_results=1000, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def _log_points(client: MlflowClient, run_id: str, points: list[tuple[int, Point]]) -> None:
    from mlflow.entities import Metric

    metrics = iter([Metric(p.key, p.value, time_ms, p.step) for time_ms, p in points])
    while part := list(islice(metrics, _MAX_METRICS)):
        client.log_batch(run_id, metrics=part)


def _set_tags(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def _close(client: MlflowClient, run_id: str, tags: Mapping[str, str], time_ms: int) -> None:
    _set_tags(client, run_id, tags)
    client.set_terminated(run_id, status="FINISHED", end_time=time_ms)
