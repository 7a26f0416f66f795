"""What a run was computed by: versions, device, data fingerprint."""

from __future__ import annotations

import platform
from importlib.metadata import version

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.preparation import Prepared
from augsearch.device import thread_count
from augsearch.events import Notify, Warned
from augsearch.files import read_json, write_json

LIBRARIES = ("augsearch", "torch", "torchvision", "optuna", "mlflow", "numpy", "scikit-learn")

UNKNOWN = {"version.augsearch": "(version not recorded)"}
"""Facts of a run that was finished before runs remembered them."""

_VERSION = "version."
_THEN = " then "


def first_facts(directory: RunDirectory, prepared: Prepared) -> dict[str, str]:
    """Return versions, device and data fingerprint of where a run was begun, for MLflow."""
    known = directory.remembers("facts") or directory.results is not None
    facts: dict[str, str] = directory.remember("facts", UNKNOWN if known else _facts(prepared))
    return facts


def all_facts(directory: RunDirectory, prepared: Prepared, notify: Notify) -> dict[str, str]:
    """Return the same for the report, with every version that a run has gone on with.

    One that goes on with others than it had says so: "2.11.0 then 2.14.1".
    """
    path = directory.path / "versions.json"
    facts = first_facts(directory, prepared) | (read_json(path) if path.exists() else {})
    if directory.results is not None:
        return facts
    now = {key: value for key, value in _facts(prepared).items() if key.startswith(_VERSION)}
    had = {key: facts[key].split(_THEN)[-1] for key in now}
    if changed := [key for key in now if now[key] != had[key]]:
        facts |= {key: f"{facts[key]}{_THEN}{now[key]}" for key in changed}
        write_json(path, {key: facts[key] for key in facts if _THEN in facts[key]})
    if computing := [key for key in changed if key != "version.mlflow"]:
        notify(Warned(_other_versions(computing, had, now)))
    return facts


def _other_versions(changed: list[str], had: dict[str, str], now: dict[str, str]) -> str:
    was, is_ = (
        ", ".join(f"{key.removeprefix(_VERSION)} {versions[key]}" for key in changed)
        for versions in (had, now)
    )
    return (
        f"this run was computed with {was} and goes on with {is_}, so its numbers may not be those "
        "of a run with either; install what it had to go on with that, or add --fresh to start "
        "anew beside it"
    )


def _facts(prepared: Prepared) -> dict[str, str]:
    return {f"{_VERSION}{name}": version(name) for name in LIBRARIES} | {
        "version.python": platform.python_version(),
        "device": prepared.device,
        "bf16": str(prepared.engine.has_bf16(prepared.device)).lower(),
        "threads": str(thread_count()),
        "data.fingerprint": prepared.develop.key[:16],
    }
