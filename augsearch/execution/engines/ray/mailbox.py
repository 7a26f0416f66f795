"""How calls on workers tell the controller how far they are, and hear that they are to stop."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from augsearch.errors import TimeUpError
from augsearch.events import Advanced, Event

_EVERY = 0.2
"""Seconds between two pieces of progress of one call; all other events are sent at once."""


class Mailbox:
    """Keeps events until the controller takes them; runs as an actor beside it."""

    def __init__(self) -> None:
        self._events: dict[int, list[tuple[int, Event]]] = defaultdict(list)
        self._stopped: set[int] = set()

    def put(self, channel: int, number: int, event: Event | None) -> bool:
        """Keep an event of call `number`; return whether the channel's calls are to stop."""
        if event is not None and channel not in self._stopped:
            self._events[channel].append((number, event))
        return channel in self._stopped

    def take(self, channel: int) -> list[tuple[int, Event]]:
        """Return, and forget, what came since the last time."""
        return self._events.pop(channel, [])

    def stop(self, channel: int) -> None:
        """Let the channel's calls end as soon as they can."""
        self._stopped.add(channel)


class Teller:
    """The listener of one call on a worker.

    Args:
        mailbox: Handle of the actor.
        channel: Of all calls that are mapped together.
        number: Of this one.
    """

    def __init__(self, mailbox: Any, channel: int, number: int) -> None:
        self._mailbox = mailbox
        self._channel = channel
        self._number = number
        self._told = 0.0
        self._steps = 0

    def begin(self) -> None:
        """Make sure that the call is still wanted.

        Raises:
            TimeUpError: It is not.
        """
        if self._put(None):
            raise TimeUpError("the run stopped before this call had begun.")

    def __call__(self, event: Event) -> None:
        """Send an event.

        Raises:
            TimeUpError: The call is to stop. It never is at its first step, so that calls of a run
                with little time get on all the same.
        """
        if not isinstance(event, Advanced):
            self._put(event)
            return
        self._steps += 1
        now = time.monotonic()
        if event.done < event.total and now - self._told < _EVERY:
            return
        self._told = now
        if self._put(event) and self._steps > 1:
            raise TimeUpError("the run stopped.")

    def _put(self, event: Event | None) -> bool:
        import ray

        return bool(ray.get(self._mailbox.put.remote(self._channel, self._number, event)))
