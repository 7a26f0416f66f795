"""MLflow, by way of a local outbox: nothing is lost and the run never waits for a server."""

from augsearch.tracking.delivery import SyncReport, sync
from augsearch.tracking.store import sqlite_uri, ui_command
from augsearch.tracking.tracker import Tracker

__all__ = ["SyncReport", "Tracker", "sqlite_uri", "sync", "ui_command"]
