"""Progress of several calls as that of one."""

from __future__ import annotations

from augsearch.events import Advanced, Event, Notify


class Progress:
    """Counts what each of several calls has done among what all of them have to do.

    A call that has told nothing yet is taken to have as much to do as the others on average.

    Args:
        n_calls: How many calls there are.
        notify: Takes progress over all calls, and everything else as it is.
    """

    def __init__(self, n_calls: int, notify: Notify) -> None:
        self._n_calls = n_calls
        self._notify = notify
        self._steps: dict[str, dict[int, Advanced]] = {}

    def tell(self, number: int, event: Event) -> None:
        """Pass on what call `number` tells."""
        if isinstance(event, Advanced) and self._n_calls > 1:
            steps = self._steps.setdefault(event.unit, {})
            steps[number] = event
            mean = sum(one.total for one in steps.values()) / len(steps)
            done = sum(one.done for one in steps.values())
            event = Advanced(done, round(self._n_calls * mean), event.unit)
        self._notify(event)
