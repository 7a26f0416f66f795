"""The background thread that delivers while the run goes on, and neither stops nor slows it."""

from __future__ import annotations

import threading

from augsearch.events import Notify, Warned
from augsearch.tracking.delivery import Delivery
from augsearch.tracking.refusals import reason

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


class Courier:
    """Calls `Delivery.drain` whenever there is something to deliver, with pauses after failures."""

    def __init__(self, delivery: Delivery, notify: Notify, remedy: str) -> None:
        """Start the thread; nothing is imported or opened before the first entry.

        Args:
            delivery: What is drained.
            notify: Told at the first failure; called from the thread.
            remedy: What the user can do if the store never answers.
        """
        self._delivery = delivery
        self._notify = notify
        self._remedy = remedy
        self._warned = False
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="augsearch-mlflow", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something new."""
        self._news.set()

    def close(self, timeout_s: float) -> None:
        """Try once more to deliver all, at most `timeout_s` seconds long, then stop."""
        self._closing.set()
        self._news.set()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            # In this order, so that what is said after the look is noticed in the wait below.
            self._news.clear()
            last = self._closing.is_set()
            try:
                self._delivery.drain()
                delivered = True
            except Exception as error:
                # Whatever goes wrong on the way to a mirror must not end a run of days.
                self._warn(error)
                delivered = False
            if last:
                return
            if delivered:
                pause = _FIRST_PAUSE_S
                self._news.wait()
            else:
                self._closing.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            said = reason(error).removesuffix(".")
            self._notify(Warned(f"MLflow takes nothing: {said}. {self._remedy}"))
