"""The test set is opened once: when this run did, and which runs beside it had done so before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.errors import StorageError
from augsearch.files import read_json
from augsearch.study.results import EarlierOpening

OPENED = "test_opened"
"""The file, test_opened.json: when, which images, and what was found beside the run then."""

_Openings = TypeAdapter(tuple[EarlierOpening, ...])


def open_once(directory: RunDirectory, fingerprint: object) -> tuple[EarlierOpening, ...]:
    """Write down that the test set is opened now, and return who had opened it before.

    Only the first call of a run looks around: going on with it opens nothing a second time, and
    says the same whatever happened beside it meanwhile.

    Args:
        directory: The run.
        fingerprint: Hash of the test images (`Prepared.data_fingerprint`).

    Returns:
        The other runs in the same parent folder that opened the same images, the earliest first.
    """
    if not directory.remembers(OPENED):
        now = datetime.now(UTC).isoformat()
        before = sorted(_beside(directory, fingerprint), key=lambda one: (one.opened_at, one.run))
        directory.remember(
            OPENED,
            {
                "opened_at": now,
                "test": fingerprint,
                "before": [one.model_dump(mode="json") for one in before],
            },
        )
    return _Openings.validate_python(directory.remember(OPENED, None)["before"])


def _beside(directory: RunDirectory, fingerprint: object) -> Iterator[EarlierOpening]:
    for path in directory.path.parent.iterdir():
        if path == directory.path or not (path / f"{OPENED}.json").exists():
            continue
        # Another run's damage is not this one's.
        with suppress(StorageError, KeyError, TypeError, ValueError):
            opened = read_json(path / f"{OPENED}.json")
            if opened["test"] == fingerprint:
                yield _opening(path.name, opened, read_json(path / "declaration.json"))


def _opening(run: str, opened: dict[str, Any], declared: dict[str, Any]) -> EarlierOpening:
    arm = declared["arm"]
    return EarlierOpening(
        run=run,
        opened_at=opened["opened_at"],
        arm=arm,
        multiple=None if arm is None else declared["multiples"][arm],
    )
