import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from augsearch.evaluation.images.diversity import pairwise_spread
from augsearch.events import Event, PictureMade, Warned
from augsearch.gan.discriminator import Discriminator, DiscriminatorDesign
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.gan.initial import built
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.generators.pool import GeneratorPool
from augsearch.sources.generators.snapshots import Snapshots

DESIGN = GeneratorDesign(8, 1, 2, 4, 4, (4, 4), 4)
SEED = Seed.of("snapshots")


def _generator(number: int) -> Generator:
    return built(Generator, DESIGN, SEED.child(number).torch_generator())


def _discriminator(number: int) -> Discriminator:
    design = DiscriminatorDesign(8, 1, 2, (4,), 4, "batch", 0.0)
    return built(Discriminator, design, SEED.child(number).torch_generator())


def _train() -> LabelledImages:
    labels = np.array([0] * 5 + [1] * 3)
    return LabelledImages(
        pixels=np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype=np.uint8),
        labels=labels,
        groups=labels,
        names=tuple(map(str, range(8))),
        classes=("clear", "fluid"),
    )


class Judge:
    """Gives its scores one after another."""

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.seen: list[LabelledImages] = []

    def __call__(self, images: LabelledImages) -> float:
        self.seen.append(images)
        return self.scores.pop(0)


def _snapshots(
    folder: Path, judge: Callable[[LabelledImages], float] | None, events: list[Event]
) -> Snapshots:
    context = FitContext("acgan", 0, SEED, folder, notify=events.append, judge=judge)
    return Snapshots(_train(), context, judged=judge is not None)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ((0.5, 0.9, 0.7), 20),
        ((0.9, 0.5, 0.9), 30),  # of equal ones the later
        ((float("nan"), 0.1, float("nan")), 20),
        ((float("nan"),) * 3, 30),
    ],
)
def test_best_takes_the_highest_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: tuple[float, ...], chosen: int
) -> None:
    monkeypatch.setattr("augsearch.sources.generators.snapshots.COLLAPSED", 0.0)
    snapshots = _snapshots(tmp_path, Judge(*scores), [])
    for iteration in (10, 20, 30):
        snapshots.take(iteration, _generator(iteration), _discriminator(iteration))
    weights = snapshots.choose("best")[0].from_latent[0].weight
    assert (weights == _generator(chosen).from_latent[0].weight).all()
    weights = snapshots.choose("best")[1].source.weight
    assert (weights == _discriminator(chosen).source.weight).all()
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice["chosen"] == chosen and len(choice["snapshots"]) == 3


@pytest.mark.parametrize(("spread", "chosen"), [(0.4, 20), (0.6, 10)])
def test_best_passes_over_a_snapshot_that_has_collapsed(
    tmp_path: Path, spread: float, chosen: int
) -> None:
    snapshots = _snapshots(tmp_path, Judge(0.9, 0.7), [])
    for iteration in (10, 20):
        snapshots.take(iteration, _generator(iteration), _discriminator(iteration))
        record = snapshots.path(iteration).with_suffix(".json")
        known = json.loads(record.read_text())
        record.write_text(json.dumps(known | {"spread": [0.8, spread if iteration == 10 else 0.8]}))
    snapshots.choose("best")
    assert json.loads((tmp_path / "choice.json").read_text())["chosen"] == chosen


def test_last_never_asks_and_best_without_a_judge_says_so(tmp_path: Path) -> None:
    events: list[Event] = []
    snapshots = _snapshots(tmp_path, None, events)
    for iteration in (10, 20):
        snapshots.take(iteration, _generator(iteration), _discriminator(iteration))
    before = len(events)
    snapshots.choose("last")
    assert len(events) == before
    (tmp_path / "choice.json").unlink()
    snapshots.choose("best")
    assert isinstance(events[-1], Warned) and "the last snapshot (iteration 20)" in str(events[-1])
    assert "no classes or there is no tuning set" in str(events[-1])
    told = [event for event in events if isinstance(event, Warned)]
    again: list[Event] = []
    _snapshots(tmp_path, None, again).announce()
    assert again == told


def test_the_judge_sees_the_pools_images_in_the_training_sets_numbers(tmp_path: Path) -> None:
    judge = Judge(0.5)
    snapshots = _snapshots(tmp_path, judge, [])
    snapshots.take(10, _generator(0), _discriminator(0))
    images = judge.seen[0]
    assert images.class_counts() == (5, 3)
    pool = GeneratorPool(*snapshots.choose("best"), SEED, "cpu")
    assert np.array_equal(images.pixels[:5], pool.images(0, 0, 5))
    assert np.array_equal(images.pixels[5:], pool.images(1, 0, 3))


def test_a_collapsed_class_is_warned_of_with_its_ratio(tmp_path: Path) -> None:
    events: list[Event] = []
    snapshots = _snapshots(tmp_path, None, events)
    snapshots.take(10, _generator(0), _discriminator(0))  # untrained: every image is nearly grey
    pool = GeneratorPool(*snapshots.choose("last"), SEED, "cpu")
    train = _train()
    ratios = [
        pairwise_spread(pool.images(label, 0, 64))
        / pairwise_spread(train.pixels[train.labels == label])
        for label in (0, 1)
    ]
    assert snapshots.known()[0].spread == pytest.approx(ratios)
    warning = next(event for event in events if isinstance(event, Warned))
    assert f"clear {ratios[0]:.2f}, fluid {ratios[1]:.2f}" in warning.message
    assert "iteration 10" in warning.message
    picture = next(event for event in events if isinstance(event, PictureMade))
    assert picture.path.exists()


def test_a_whole_snapshot_is_kept_and_its_warnings_are_told_again(tmp_path: Path) -> None:
    _snapshots(tmp_path, Judge(0.5), []).take(10, _generator(0), _discriminator(0))
    content = (tmp_path / "snapshots" / "000010.safetensors").read_bytes()
    events: list[Event] = []
    again = _snapshots(tmp_path, Judge(), events)  # a second question would fail
    again.take(10, _generator(1), _discriminator(1))
    assert (tmp_path / "snapshots" / "000010.safetensors").read_bytes() == content
    again.announce()
    assert len(events) == 1 and "iteration 10" in str(events[0])


def test_real_images_without_a_spread_are_not_compared(tmp_path: Path) -> None:
    train = _train()
    alike = replace(train, pixels=np.zeros_like(train.pixels))
    snapshots = Snapshots(alike, FitContext("acgan", 0, SEED, tmp_path), judged=False)
    snapshots.take(10, _generator(0), _discriminator(0))
    assert snapshots.known()[0].spread == (None, None)
