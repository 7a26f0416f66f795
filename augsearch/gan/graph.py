"""A whole training iteration as one CUDA graph: one launch in place of some hundreds.

The networks of a GAN for small images are small: a GPU is done with a layer before Python has
launched the next. A graph holds all kernels of an iteration, those that draw random numbers
included, and is launched at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from augsearch.cuda_graphs import beside, recorded

Run = Callable[[torch.Generator], Tensor]
"""One iteration: a freshly seeded generator to losses."""

_WARM_UP = 3


@final
class OneGraph:
    """Captures a run once and replays it from the first iteration on.

    No iteration is run in another way, so a training that is resumed computes as one that was not.
    The random numbers are those that the run would draw itself: the graph draws from a generator of
    its own, which gets the seed of the caller's at each call.

    The run is given at each call and not kept: it is a method of the one who holds the graph, and
    in a circle of references the GPU's memory would stay until Python looks for garbage.

    Args:
        modules: All networks that the run changes.
        optimizers: All optimisers that it steps, capturable.
        device: The CUDA device.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], device: str
    ) -> None:
        self._modules = modules
        self._optimizers = optimizers
        self._rng = torch.Generator(device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._losses = torch.empty(0)

    def __call__(self, run: Run, rng: torch.Generator) -> Tensor:
        """Run once with the numbers of `rng`, which must be freshly seeded; return the losses."""
        graph = self._graph or self.capture(run)
        self._rng.manual_seed(rng.initial_seed())
        graph.replay()
        return self._losses.clone()  # the next replay writes over them

    def capture(self, run: Run) -> torch.cuda.CUDAGraph:
        """Capture a run; no weight and no state of an optimiser is changed by it.

        Args:
            run: Does the same on every call, changes tensors in place, and never waits for a value
                on the host.
        """
        before = [value.clone() for value in self._state()]
        self._warm_up(run)
        with torch.no_grad():
            # What an optimiser made in the meantime starts at 0; it comes last.
            for value, old in zip_longest(self._state(), before):
                value.zero_() if old is None else value.copy_(old)
        self._graph, self._losses = recorded(lambda: run(self._rng), self._rng)
        self._drop_gradients()  # who keeps a network would keep the graph's memory with them
        return self._graph

    def _warm_up(self, run: Run) -> None:
        """Let libraries choose and allocate what they need, which a capture does not allow."""
        with beside():
            for _ in range(_WARM_UP):
                run(self._rng)
        self._drop_gradients()  # they will be in the graph's own memory

    def _drop_gradients(self) -> None:
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def _state(self) -> Iterator[Tensor]:
        for module in self._modules.values():
            yield from module.state_dict().values()
        for optimizer in self._optimizers.values():
            for entries in optimizer.state.values():
                yield from (value for value in entries.values() if isinstance(value, Tensor))
