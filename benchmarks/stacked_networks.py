"""Several small networks: one after the other, in parallel processes, or stacked into one.

What `end_to_end.py` prints as its second table. The ways:

plain: one after the other, with all threads, as augsearch trains cells on a CPU.
captured: the same, each one's step one CUDA graph, as augsearch trains them on a GPU.
streams: such graphs side by side, each network's on a stream of its own (GPU only).
processes: as many processes as cores, one thread each (CPU only).
vmap: torch.func, parameters stacked along a new first dimension.
grouped: one network with R times the channels, whose convolutions have R groups.
grouped graph: the step of that one as a CUDA graph.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import torch
from measure import interleaved
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from augsearch.classifiers.captured import Captured
from augsearch.classifiers.end_to_end.own_networks import fridadar2018, roglin2022
from augsearch.classifiers.end_to_end.precision import computing_in
from augsearch.device import Precision, has_bf16

WAYS = ("plain", "captured", "streams", "processes", "vmap", "grouped", "grouped graph")
NETWORKS = 4
SIZE = 64
_LONGEST = 2.0  # seconds that one way's steps are timed for
CASES = (("fridadar2018", 64), ("fridadar2018", 8), ("roglin2022", 8))

Step = Callable[[], object]
Loss = Callable[[], Tensor]
"""A step that gives its loss."""


def stacked_networks(
    steps: int, repeats: int, device: str, cases: Sequence[tuple[str, int]] = CASES
) -> Iterator[dict[str, Any]]:
    """Yield milliseconds of one step of one network, for each way to train four of them."""
    precisions: list[Precision] = ["float32", "bf16"] if has_bf16(device) else ["float32"]
    for name, batch in cases:
        for precision in precisions:
            # As augsearch trains: reproducibly, and float32 in full.
            with torch.backends.cudnn.flags(
                enabled=True, benchmark=False, deterministic=True, allow_tf32=False
            ):
                found = _timed(name, batch, precision, steps, repeats, device)
            yield found


def _timed(
    name: str, batch: int, precision: Precision, steps: int, repeats: int, device: str
) -> dict[str, Any]:
    makers: dict[str, Callable[[], Step]] = {
        "plain": partial(_plain, name, batch, precision, device),
        "vmap": partial(_vmapped, name, batch, precision, device),
    }
    if name == "fridadar2018":
        makers["grouped"] = partial(_grouped, batch, precision, device)
    if device == "cuda":
        makers["captured"] = partial(_captured, name, batch, precision)
        makers["streams"] = partial(_streams, name, batch, precision)
        if name == "fridadar2018":
            makers["grouped graph"] = lambda: _as_graph(_grouped(batch, precision, device))
    working = {
        way: step
        for way, make in makers.items()
        if (step := _working(f"{way}, {name}, {precision}", make))
    }
    counts = {way: _fitting(step, steps, device) for way, step in working.items()}
    ways = {way: _repeated(step, counts[way], device) for way, step in working.items()}
    taken = interleaved(ways, repeats)
    ms = {way: seconds * 1000 / counts[way] / NETWORKS for way, seconds in taken.items()}
    if device == "cpu":
        ms["processes"] = _in_processes(name, batch, precision, steps * NETWORKS)
    return {"network": name, "batch_size": batch, "precision": precision, "ms": ms}


def _working(name: str, make: Callable[[], Step]) -> Step | None:
    """Return what this torch can do; 2.11 refuses batch norm in bf16 under vmap on CUDA."""
    try:
        step = make()
        step()
    except RuntimeError as error:
        print(f"left out: {name}: {error}")
        return None
    return step


def _fitting(step: Step, most: int, device: str) -> int:
    """Return how many steps fit `_LONGEST`: a way can be a thousand times slower than another."""
    once = _repeated(step, 1, device)
    once()
    start = time.perf_counter()
    once()
    return max(1, min(most, int(_LONGEST / (time.perf_counter() - start))))


def _repeated(step: Step, steps: int, device: str) -> Step:
    def run() -> None:
        for _ in range(steps):
            step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def _network(name: str) -> nn.Module:
    return (fridadar2018(SIZE, 1, 3) if name == "fridadar2018" else roglin2022(1, 3)).train()


def _images(batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Return images, (R, B, 1, H, W), and labels, (R, B)."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand(NETWORKS, batch, 1, SIZE, SIZE, generator=random)
    labels = torch.randint(0, 3, (NETWORKS, batch), generator=random)
    return images.to(device), labels.to(device)


def _optimizer(weights: list[nn.Parameter] | list[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.SGD(weights, lr=1e-3, momentum=0.9, nesterov=True, fused=True)


def _step(
    optimizer: torch.optim.Optimizer,
    scores: Callable[[], Tensor],
    labels: Tensor,
    precision: Precision,
    factor: int = 1,
) -> Tensor:
    optimizer.zero_grad()
    with computing_in(precision, labels.device.type):
        found = scores()
    loss = functional.cross_entropy(found.float().reshape(-1, 3), labels.reshape(-1))
    (loss * factor).backward()
    optimizer.step()
    return loss.detach()


def _single(name: str, precision: Precision, images: Tensor, labels: Tensor) -> Loss:
    """Return what takes a step of one network of its own."""
    network = _network(name).to(images.device).to(memory_format=torch.channels_last)
    optimizer = _optimizer(list(network.parameters()))
    seen = images.contiguous(memory_format=torch.channels_last)
    return lambda: _step(optimizer, lambda: network(seen), labels, precision)


def _plain(name: str, batch: int, precision: Precision, device: str) -> Step:
    every = [_single(name, precision, *own) for own in zip(*_images(batch, device), strict=True)]
    return lambda: [step() for step in every]


def _captured(name: str, batch: int, precision: Precision) -> Step:
    own = zip(*_images(batch, "cuda"), strict=True)
    every = [_as_graph(_single(name, precision, x, y)) for x, y in own]
    return lambda: [replay() for replay in every]


def _streams(name: str, batch: int, precision: Precision) -> Step:
    """Return a step of all networks, each recorded and replayed on a stream of its own.

    Recorded on one stream, as augsearch does, they would share a workspace of cuBLAS: products
    that are cut along what they add up wait there for one another's parts, side by side for ever.
    """
    every: list[tuple[torch.cuda.Stream, torch.cuda.CUDAGraph]] = []
    for x, y in zip(*_images(batch, "cuda"), strict=True):
        take, stream = _single(name, precision, x, y), torch.cuda.Stream()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(3):
                take()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            take()
        every.append((stream, graph))

    def step() -> None:
        for stream, graph in every:
            with torch.cuda.stream(stream):
                graph.replay()

    return step


def _as_graph(step: Loss) -> Step:
    """Return a step that is recorded once and replayed from then on."""
    captured, nothing = Captured(lambda _: step()), torch.zeros((), device="cuda")

    def replay() -> None:
        captured(nothing)

    for _ in range(5):  # warm up and record, on the stream that all begin with
        replay()
    torch.cuda.synchronize()
    return replay


def _vmapped(name: str, batch: int, precision: Precision, device: str) -> Step:
    networks = [_network(name).to(device) for _ in range(NETWORKS)]
    weights, buffers = stack_module_state(networks)
    optimizer = _optimizer(list(weights.values()))
    images, labels = _images(batch, device)

    def scores_of(own: Any, own_buffers: Any, x: Tensor) -> Tensor:
        return functional_call(networks[0], (own, own_buffers), (x,))

    every = vmap(scores_of, randomness="different")
    return lambda: _step(
        optimizer, lambda: every(weights, buffers, images), labels, precision, NETWORKS
    )


class Grouped(nn.Module):
    """R networks of Frid-Adar et al. 2018 as one: R groups, then batched products."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before * NETWORKS, after * NETWORKS, 5, padding=2, groups=NETWORKS)
            for before, after in ((1, 32), (32, 64), (64, 128))
        )
        flat = 128 * (SIZE // 8) ** 2
        self.dense = nn.Parameter(torch.randn(NETWORKS, flat, 128) * flat**-0.5)
        self.last = nn.Parameter(torch.randn(NETWORKS, 128, 3) * 128**-0.5)
        self.dense_bias = nn.Parameter(torch.zeros(NETWORKS, 1, 128))
        self.last_bias = nn.Parameter(torch.zeros(NETWORKS, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = functional.relu(functional.max_pool2d(convolution(x), 2))
        x = x.reshape(len(x), NETWORKS, -1).transpose(0, 1)
        x = functional.relu(torch.baddbmm(self.dense_bias, x, self.dense))
        return torch.baddbmm(self.last_bias, functional.dropout(x, 0.5), self.last)


def _grouped(batch: int, precision: Precision, device: str) -> Loss:
    network = Grouped().to(device).to(memory_format=torch.channels_last)
    optimizer = _optimizer(list(network.parameters()))
    images, labels = _images(batch, device)
    x = images[:, :, 0].transpose(0, 1).contiguous(memory_format=torch.channels_last)
    return lambda: _step(optimizer, lambda: network(x), labels, precision, NETWORKS)


def _in_processes(name: str, batch: int, precision: Precision, steps: int) -> float:
    """Return milliseconds of one step of one network with a process for each core.

    Only steps are timed, not the start of the processes: the best that they could give.
    """
    workers = torch.get_num_threads()
    context = multiprocessing.get_context("spawn")
    barrier, taken = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_alone, args=(name, batch, precision, steps, barrier, taken))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    slowest = max(taken.get() for _ in processes)
    for process in processes:
        process.join()
    return slowest * 1000 / steps / workers


def _alone(
    name: str, batch: int, precision: Precision, steps: int, barrier: Barrier, taken: Queue[float]
) -> None:
    """Time `steps` steps of one network on one thread, when all processes are ready."""
    torch.set_num_threads(1)
    network = _network(name).to(memory_format=torch.channels_last)
    optimizer = _optimizer(list(network.parameters()))
    images, labels = _images(batch, "cpu")
    x = images[0].contiguous(memory_format=torch.channels_last)
    _step(optimizer, lambda: network(x), labels[0], precision)
    barrier.wait()
    start = time.perf_counter()
    for _ in range(steps):
        _step(optimizer, lambda: network(x), labels[0], precision)
    taken.put(time.perf_counter() - start)
