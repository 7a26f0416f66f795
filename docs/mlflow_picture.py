"""Make a picture of MLflow's page that compares the verdicts' arms of two finished runs.

    python docs/mlflow_picture.py RUN RUN

The runs lie in one folder, so in one store, and in one experiment. Needs Chromium.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser import chromium, shrink

HERE = Path(__file__).parent
AREA = {"x": 200, "y": 40, "width": 920, "height": 2160}
"""Of a window so wide that the page has its side bar at the left and nothing at the right."""


def main() -> None:
    runs = [Path(one).resolve() for one in sys.argv[1:]]
    if len(runs) != 2 or runs[0].parent != runs[1].parent:
        sys.exit(__doc__)
    store = f"sqlite:///{runs[0].parent / 'mlflow.db'}"
    experiment, ids = declared_arms(store, runs)
    with served(store) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 2400})
        page.goto(
            f"{address}/#/compare-runs?runs={json.dumps(ids)}&experiments={json.dumps([experiment])}"
        )
        page.get_by_text("Show diff only").last.wait_for(timeout=120_000)
        for switch in page.get_by_text("Show diff only").all():
            switch.click()
        close = page.locator('button[aria-label="Close"]')  # of the assistant at the side
        if close.count():
            close.first.click()
        page.wait_for_timeout(5_000)  # its plots are drawn when everything else is there
        page.screenshot(path=HERE / "mlflow-compare.png", clip=AREA)
    shrink(HERE / "mlflow-compare.png")


def declared_arms(store: str, runs: list[Path]) -> tuple[str, list[str]]:
    """Return the experiment of the runs, and the MLflow run of each one's declared arm."""
    from mlflow import MlflowClient

    client = MlflowClient(store)
    experiments = [one.experiment_id for one in client.search_experiments()]
    ids: list[str] = []
    for run in runs:
        arm = json.loads((run / "results.json").read_text())["verdict"]["arm"]
        name = json.loads((run / "study.json").read_text())["name"]
        wanted = f"params.name = '\"{name}\"' and tags.verdict LIKE '%' "
        found = [
            one
            for one in client.search_runs(experiments, wanted)
            if one.info.run_name.rpartition(": ")[2] == arm
        ]
        if not found:
            sys.exit(f"{run} has no verdict in {store}")
        ids.append(found[0].info.run_id)
        experiment = found[0].info.experiment_id
    return experiment, ids


@contextmanager
def served(store: str) -> Iterator[str]:
    """Run MLflow's server on this machine alone; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    quiet = {"DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        command,
        env=os.environ | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/health")
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def _wait(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address)
        except OSError:
            time.sleep(1)
        else:
            return
    sys.exit("MLflow's server did not start within two minutes")


if __name__ == "__main__":
    main()
