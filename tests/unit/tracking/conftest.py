import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augsearch.errors import AugsearchError
from augsearch.records import Evaluation
from augsearch.tracking.outbox import Outbox
from augsearch.tracking.store import sqlite_uri

Curves = dict[str, dict[str, list[tuple[int, float]]]]


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store without experiments; making one takes seconds, copying it does not."""
    from augsearch.tracking.delivery import Delivery

    folder = tmp_path_factory.mktemp("store")
    box = Outbox.open(folder / "outbox.jsonl", sqlite_uri(folder / "mlflow.db"), "template")
    Delivery(box).recheck()
    return folder / "mlflow.db"


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return sqlite_uri(Path(shutil.copy(empty_store, tmp_path / "mlflow.db")))


@pytest.fixture
def other_uri(empty_store: Path, tmp_path: Path) -> str:
    return sqlite_uri(Path(shutil.copy(empty_store, tmp_path / "other.db")))


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread delivers: a test says when."""

    class Nobody:
        def __init__(self, *parts: object) -> None: ...

        def wake(self) -> None: ...

        def close(self, timeout_s: float) -> None: ...

    monkeypatch.setattr("augsearch.tracking.tracker.Courier", Nobody)


def runs_of(uri: str, experiment: str = "study") -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise AugsearchError(f"no experiment {experiment}")
    return list(client.search_runs([found.experiment_id]))


@pytest.fixture
def curves() -> Callable[..., Curves]:
    """Read the store back: run name (below its parent's) -> metric -> every stored point."""

    def read(uri: str, experiment: str = "study") -> Curves:
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        runs = runs_of(uri, experiment)
        names = {run.info.run_id: run.info.run_name for run in runs}
        found: Curves = {}
        for run in runs:
            parent = run.data.tags.get("mlflow.parentRunId")
            name = (f"{names[parent]}/" if parent else "") + run.info.run_name
            if name in found:
                raise AugsearchError(f"two runs are called {name}")
            found[name] = {
                key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            }
        return found

    return read


@pytest.fixture
def runs() -> Callable[..., list[Any]]:
    return runs_of


@pytest.fixture
def trial() -> Callable[[float], Evaluation]:
    """A trial over two cells whose scores depend on the amount alone."""
    return lambda multiple: Evaluation.of(multiple, [0.5 + multiple / 100, 0.6 + multiple / 100])
