from pathlib import Path

import pytest
import torch

from augsearch.errors import DivergedError, TimeUpError
from augsearch.events import Advanced, Event, TrainingBegun, TrainingLogged
from augsearch.gan.base import Gan
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.generators import training
from augsearch.sources.generators.checkpoint import read_tensors
from augsearch.sources.generators.training import Schedule, Training


class Walk(Gan):
    """Not a GAN at all: the loop must not care."""

    loss_names = ("up", "down")

    def __init__(self, losses: dict[int, float] | None = None, spoilt_at: int = 0) -> None:
        self.network = torch.nn.Linear(3, 1)
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.zero_()
        self.modules = {"network": self.network}
        self.optimizers = {"sgd": torch.optim.SGD(self.network.parameters(), 0.1, momentum=0.9)}
        self._losses = losses or {}
        self._spoilt_at = spoilt_at

    def step(self, iteration: int, rng: torch.Generator) -> torch.Tensor:
        self.optimizers["sgd"].zero_grad()
        loss = self.network(torch.randn(4, 3, generator=rng)).sum()
        loss.backward()
        self.optimizers["sgd"].step()
        if iteration == self._spoilt_at:
            with torch.no_grad():
                self.network.bias.fill_(float("inf"))
        return torch.tensor([self._losses.get(iteration, 1.0), -float(iteration)])

    train = step  # nobody calls it


def _context(folder: Path, events: list[Event] | None = None) -> FitContext:
    notify = (lambda _: None) if events is None else events.append
    return FitContext("acgan", 3, Seed.of(5), folder, notify=notify)


def test_everything_happens_when_it_is_due(tmp_path: Path) -> None:
    events: list[Event] = []
    snapshots: list[int] = []
    Training(Walk(), Schedule(60, 20, 7), _context(tmp_path, events)).run(snapshots.append)
    assert snapshots == [20, 40, 60]
    meta = read_tensors(tmp_path / "checkpoint.safetensors")[1]
    assert meta == {"iteration": 60, "precision": "float32"}
    assert events[0] == TrainingBegun("acgan", 3, 0, "cpu", "float32")
    done = [event.done for event in events if isinstance(event, Advanced)]
    assert done[0] == 0 and done[-1] == 60 and 25 in done and done == sorted(done)
    logged = [event for event in events if isinstance(event, TrainingLogged)]
    assert logged[0] == TrainingLogged("acgan", 3, 7, {"up": 1.0, "down": -4.0})  # mean of 1..7


@pytest.mark.parametrize(("seconds", "kept"), [(0, [25, 50, 60]), (3600, [60])])
def test_without_a_number_checkpoints_are_a_matter_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, kept: list[int]
) -> None:
    written: list[int] = []
    monkeypatch.setattr(training, "KEEP_SECONDS", seconds)
    monkeypatch.setattr(
        training, "write_tensors", lambda path, tensors, meta: written.append(meta["iteration"])
    )
    Training(Walk(), Schedule(60, 20, None), _context(tmp_path)).run(lambda iteration: None)
    assert written == kept


@pytest.mark.parametrize("stop_at", [1, 20, 34, 59, 60])
def test_a_stopped_training_ends_as_an_undisturbed_one(tmp_path: Path, stop_at: int) -> None:
    schedule = Schedule(60, 20, 7)
    undisturbed = Walk()
    Training(undisturbed, schedule, _context(tmp_path / "a")).run(lambda _: None)

    class Killed(Walk):
        def step(self, iteration: int, rng: torch.Generator) -> torch.Tensor:
            if iteration == stop_at:
                raise KeyboardInterrupt
            return super().step(iteration, rng)

    with pytest.raises(KeyboardInterrupt):
        Training(Killed(), schedule, _context(tmp_path / "b")).run(lambda _: None)
    resumed = Walk()
    Training(resumed, schedule, _context(tmp_path / "b")).run(lambda _: None)
    assert torch.equal(resumed.network.weight, undisturbed.network.weight)


def test_a_snapshot_that_fails_is_taken_again(tmp_path: Path) -> None:
    schedule = Schedule(40, 20, 20)

    def fails(iteration: int) -> None:
        raise OSError

    with pytest.raises(OSError):
        Training(Walk(), schedule, _context(tmp_path)).run(fails)
    snapshots: list[int] = []
    Training(Walk(), schedule, _context(tmp_path)).run(snapshots.append)
    assert snapshots == [20, 40]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e4, -1e4])
def test_a_diverged_training_names_iteration_losses_and_checkpoint(
    tmp_path: Path, bad: float
) -> None:
    walk = Walk({38: bad})
    with pytest.raises(DivergedError) as raised:
        Training(walk, Schedule(100, 100, 20), _context(tmp_path)).run(lambda _: None)
    message = str(raised.value)
    path = tmp_path / "checkpoint.safetensors"
    assert "source acgan, fold 3: training diverged at iteration 38" in message
    assert f"up {bad:.4g}, down -38" in message
    assert f"{path} (iteration 20)" in message
    assert "learning_rate" in message
    assert read_tensors(path)[1]["iteration"] == 20


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    walk = Walk(spoilt_at=20)
    with pytest.raises(DivergedError, match=r"iteration 20: a weight .* No checkpoint"):
        Training(walk, Schedule(100, 100, 20), _context(tmp_path)).run(lambda _: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stop_at", [20, 25, 60])
def test_a_training_that_its_listener_stops_loses_no_iteration(
    tmp_path: Path, stop_at: int
) -> None:
    schedule = Schedule(60, 20, 7)
    undisturbed = Walk()
    Training(undisturbed, schedule, _context(tmp_path / "a")).run(lambda _: None)

    def listen(event: Event) -> None:
        if isinstance(event, Advanced) and event.done == stop_at:
            raise TimeUpError("time is up")

    snapshots: list[int] = []
    context = FitContext("acgan", 3, Seed.of(5), tmp_path / "b", notify=listen)
    with pytest.raises(TimeUpError):
        Training(Walk(), schedule, context).run(snapshots.append)
    meta = read_tensors(tmp_path / "b" / "checkpoint.safetensors")[1]
    assert meta == {"iteration": stop_at, "precision": "float32"}
    resumed = Walk()
    Training(resumed, schedule, _context(tmp_path / "b")).run(snapshots.append)
    assert snapshots == [20, 40, 60]
    assert torch.equal(resumed.network.weight, undisturbed.network.weight)
