"""Calls as Ray's tasks: submitted, listened to, made again if a worker dies, stopped."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from augsearch.errors import AugsearchError
from augsearch.events import Notify
from augsearch.execution.engines.progress import Progress
from augsearch.execution.engines.ray.cluster import Share, alive_nodes, has
from augsearch.execution.engines.ray.mailbox import Mailbox, Teller
from augsearch.execution.engines.ray.worker import Failed, Surroundings, perform

_DEATHS = 5
"""Times that a call is made again because its worker died."""

_LISTEN = 0.25
"""Seconds between two looks at what the calls tell."""

_GRACE = 60.0
"""Seconds that running calls are given to stop, with a checkpoint if they keep one."""

_LOST = 300.0
"""Seconds that a run waits for a node that can take its calls, once the last one is gone."""


class Tasks:
    """Maps calls as tasks of the cluster that this process is connected to."""

    def __init__(self) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = ray.get_runtime_context().get_node_id()
        options: dict[str, Any] = {
            "num_cpus": 0,
            "max_restarts": -1,
            "max_task_retries": -1,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
        }
        self._mailbox: Any = ray.remote(Mailbox).options(**options).remote()
        self._channels = itertools.count()
        self._running: dict[int, list[Any]] = {}
        self._functions: dict[tuple[Share, int], Any] = {}

    def map(
        self,
        call: Callable[[Any, Notify], Any],
        items: Iterable[Any],
        surroundings: Surroundings,
        share: Share,
        progress: Progress,
    ) -> Iterator[Any]:
        """Submit all calls at once and yield their results in order."""
        import ray

        channel = next(self._channels)
        function, shared = self._function(share, surroundings.threads), ray.put(call)
        tasks = [
            # In a list, because Ray replaces an argument that is a reference by its object.
            function.remote(surroundings, shared, [item], Teller(self._mailbox, channel, number))
            for number, item in enumerate(items)
        ]
        self._running[channel] = tasks
        try:
            results = _Results(tasks, share)
            for number in range(len(tasks)):
                while not results.has(number):
                    results.wait()
                    for teller, event in ray.get(self._mailbox.take.remote(channel)):
                        progress.tell(teller, event)
                yield results.take(number)
            del self._running[channel]
        finally:
            self._stop(channel)

    def close(self) -> None:
        """Stop whatever still runs."""
        for channel in list(self._running):
            self._stop(channel)

    def _stop(self, channel: int) -> None:
        """Let the calls of a channel end by themselves, or end them."""
        import ray

        tasks = self._running.pop(channel, [])
        if not tasks:
            return
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self._mailbox.stop.remote(channel))
            _, running = ray.wait(tasks, num_returns=len(tasks), timeout=_GRACE)
            # Not those that have ended: cancelling one whose end is just being noted kills this
            # process ("Tried to complete task that was not pending", Ray 2.60).
            for task in running:
                ray.cancel(task, force=True)

    def _function(self, share: Share, threads: int) -> Any:
        """Return `perform` as a function of Ray's that takes `share` of a node."""
        import ray

        if (share, threads) not in self._functions:
            # As if the process had been started for so many threads: libraries read it on loading.
            variables = {"OMP_NUM_THREADS": str(threads)}
            if (spin := os.environ.get("GOMP_SPINCOUNT")) is not None:
                variables["GOMP_SPINCOUNT"] = spin
            self._functions[share, threads] = ray.remote(
                num_cpus=share.cpus,
                num_gpus=share.gpus,
                max_retries=_DEATHS,
                runtime_env={"env_vars": variables},
            )(perform)
        return self._functions[share, threads]


class _Results:
    """The results of tasks as they come in, in whatever order."""

    def __init__(self, tasks: Iterable[Any], share: Share) -> None:
        self._numbers = {task: number for number, task in enumerate(tasks)}
        self._there: dict[int, Any] = {}
        self._share = share
        self._possible = time.monotonic()

    def has(self, number: int) -> bool:
        """Whether a result is there."""
        return number in self._there

    def take(self, number: int) -> Any:
        """Return a result and forget it."""
        return self._there.pop(number)

    def wait(self) -> None:
        """Wait a little for any of the tasks.

        Raises:
            AugsearchError: One failed, or none can be made any more.
        """
        import ray

        waiting = list(self._numbers)
        done, _ = ray.wait(waiting, num_returns=1, timeout=_LISTEN)
        for task in done:
            self._there[self._numbers.pop(task)] = _result(task)
        self._watch(bool(done))

    def _watch(self, got_on: bool) -> None:
        """Do not wait for ever where no node is left that could take a call."""
        now, nodes = time.monotonic(), alive_nodes()
        if got_on or any(self._share.times_in(node) for node in nodes):
            self._possible = now
        elif now - self._possible > _LOST:
            raise AugsearchError(
                f"the Ray cluster must have a node for the run's calls but has lost the last one: "
                f"{has(nodes)}. Bring it back; the same command goes on where it stopped."
            )


def _result(task: Any) -> Any:
    import ray
    from ray import exceptions

    deaths = (exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.OutOfMemoryError)
    try:
        outcome = ray.get(task)
    except deaths as error:
        raise AugsearchError(
            f"a call on the Ray cluster was given up after {_DEATHS + 1} workers had died of it "
            f"({type(error).__name__}): memory may be short. Nothing else is lost; the same "
            "command goes on."
        ) from error
    except exceptions.RayError as error:
        missing = re.search(r"No module named '[^']+'", str(error))
        if missing is None:
            raise
        raise AugsearchError(
            f"all nodes of the cluster must have what the study uses but on one of them: "
            f"{missing[0]}. Install it there."
        ) from error
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome
