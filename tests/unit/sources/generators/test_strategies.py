from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.errors import DivergedError, SourceError
from augsearch.events import Advanced, Event, TrainingBegun, TrainingLogged
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Source
from augsearch.sources.generators.checkpoint import read_tensors
from augsearch.sources.pools.kinds import ScoredPool, UnlabelledPool
from augsearch.sources.registry import create_source
from augsearch.study.schema.generators import (
    AcganOptions,
    DcganOptions,
    TrainedOptions,
    WganOptions,
)
from augsearch.testing.images import toy_images
from augsearch.testing.sources import check_source

KINDS: dict[str, type[TrainedOptions]] = {
    "acgan": AcganOptions,
    "dcgan": DcganOptions,
    "wgan": WganOptions,
}
LABELLED = [
    ("acgan", "joint"),
    ("acgan", "balanced"),
    ("dcgan", "per-class"),
    ("wgan", "transfer"),
]
"""Every strategy, and every kind of network."""
SEED = Seed.of(0, "gan")
TRAIN = toy_images((5, 9, 3))


def _options(kind: str, strategy: str, **settings: object) -> TrainedOptions:
    small: dict[str, object] = {
        "kind": kind,
        "strategy": strategy,
        "width": 0.06,
        "batch_size": 4,
        "iterations": 6,
        "snapshot_every": 3,
        "checkpoint_every": 2,
        "snapshot": "last",
    }
    return KINDS[kind].model_validate(small | settings)


def _source(kind: str, strategy: str, **settings: object) -> Source:
    return create_source(_options(kind, strategy, **settings))


def _context(folder: Path, notify: Callable[[Event], None] = lambda _: None) -> FitContext:
    return FitContext("gan", 0, SEED, folder, notify=notify)


def _files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("kind", "strategy"), LABELLED)
def test_a_labelled_source_keeps_its_promises(tmp_path: Path, kind: str, strategy: str) -> None:
    before = torch.random.get_rng_state()
    check_source(_source(kind, strategy, iterations=2), TRAIN, _context(tmp_path))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", ["dcgan", "wgan"])
@pytest.mark.parametrize("strategy", ["joint", "balanced"])
def test_a_joint_network_without_classes_gives_candidates(
    tmp_path: Path, kind: str, strategy: str
) -> None:
    source = _source(kind, strategy)
    pool = source.fit(TRAIN, _context(tmp_path / "a"))
    assert isinstance(pool, UnlabelledPool)
    images = pool.candidates(0, 70)
    assert images.shape == (70, 16, 16, 1) and images.dtype == np.uint8
    again = source.fit(TRAIN, _context(tmp_path / "b"))
    assert isinstance(again, UnlabelledPool)
    assert np.array_equal(again.candidates(40, 66), images[40:66])
    with pytest.raises(SourceError, match="must have classes"):
        pool.images(0, 0, 1)


@pytest.mark.parametrize(("kind", "strategy"), LABELLED)
def test_a_killed_fit_ends_with_the_same_files(tmp_path: Path, kind: str, strategy: str) -> None:
    stop_at = {"acgan": 4, "dcgan": 11, "wgan": 15}[kind]
    source = _source(kind, strategy, snapshot="best")
    ticks: list[int] = []

    def killed(event: Event) -> None:
        if isinstance(event, Advanced):
            ticks.append(event.done)
            if len(ticks) == min(stop_at, 3 if strategy in ("joint", "balanced") else 99):
                raise KeyboardInterrupt

    def judge(images: LabelledImages) -> float:
        return float(images.pixels.mean())

    context = replace(_context(tmp_path / "a"), judge=judge)
    source.fit(TRAIN, context)
    with pytest.raises(KeyboardInterrupt):
        source.fit(TRAIN, replace(context, folder=tmp_path / "b", notify=killed))
    torch.rand(3)  # a new process has another global random state
    source.fit(TRAIN, replace(context, folder=tmp_path / "b"))
    undisturbed, resumed = _files(tmp_path / "a"), _files(tmp_path / "b")
    assert undisturbed.keys() == resumed.keys()
    assert [name for name in undisturbed if undisturbed[name] != resumed[name]] == []


def test_every_class_has_its_own_folder_progress_and_name(tmp_path: Path) -> None:
    events: list[Event] = []
    _source("dcgan", "per-class").fit(TRAIN, _context(tmp_path, events.append))
    assert {path.name for path in tmp_path.iterdir()} == {"class0", "class1", "class2"}
    ticks = [(event.done, event.total) for event in events if isinstance(event, Advanced)]
    assert ticks[0] == (0, 18) and ticks[-1] == (18, 18)
    assert [done for done, _ in ticks] == sorted(done for done, _ in ticks)
    names = [event.source for event in events if isinstance(event, TrainingLogged)]
    assert list(dict.fromkeys(names)) == [f"gan, class class-{label}" for label in (1, 0, 2)]


def test_a_diverged_class_is_named_with_the_remedy(tmp_path: Path) -> None:
    source = _source("wgan", "per-class", generator_learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"source gan, class class-1, fold 0: .*weight_clip"):
        source.fit(TRAIN, _context(tmp_path))


def test_a_class_does_not_depend_on_the_others(tmp_path: Path) -> None:
    one = _source("dcgan", "per-class").fit(TRAIN, _context(tmp_path / "a"))
    fewer = TRAIN.take(np.flatnonzero(TRAIN.labels != 1))
    other = _source("dcgan", "per-class").fit(fewer, _context(tmp_path / "b"))
    assert np.array_equal(one.images(2, 0, 5), other.images(2, 0, 5))
    with pytest.raises(SourceError, match="'class-1' is needed"):
        other.images(1, 0, 1)


def test_networks_of_classes_start_alike_only_with_transfer(tmp_path: Path) -> None:
    for strategy, alike in (("per-class", False), ("transfer", True)):
        source = _source("dcgan", strategy, iterations=1, generator_learning_rate=1e-12)
        pool = source.fit(TRAIN, _context(tmp_path / strategy))
        assert isinstance(pool, ScoredPool)
        weights = [
            read_tensors(tmp_path / strategy / f"class{label}" / "checkpoint.safetensors")[0]
            for label in (0, 1)
        ]
        name = "module/generator/from_latent.0.weight"
        assert torch.allclose(weights[0][name], weights[1][name]) == alike
        # What is drawn from the pools differs all the same.
        assert not np.array_equal(pool.images(0, 0, 5), pool.images(1, 0, 5))
        assert pool.realness(1, 0, 5).shape == (5,)


def test_transfer_makes_a_lost_start_anew(tmp_path: Path) -> None:
    source = _source("wgan", "transfer")
    source.fit(TRAIN, _context(tmp_path))
    whole = _files(tmp_path)
    (tmp_path / "class1" / "checkpoint.safetensors").unlink()  # of the largest class
    source.fit(TRAIN, _context(tmp_path))  # nobody needs it
    assert not (tmp_path / "class1" / "checkpoint.safetensors").exists()
    for path in (tmp_path / "class2").rglob("*.safetensors"):
        path.unlink()
    for path in (tmp_path / "class2" / "snapshots").iterdir():
        path.unlink()
    source.fit(TRAIN, _context(tmp_path))
    assert _files(tmp_path) == whole


def test_the_judge_of_one_class_sees_the_others_real_images(tmp_path: Path) -> None:
    seen: list[LabelledImages] = []

    def judge(images: LabelledImages) -> float:
        seen.append(images)
        return 0.5

    source = _source("dcgan", "per-class", snapshot="best", snapshot_every=6)
    pool = source.fit(TRAIN, replace(_context(tmp_path), judge=judge))
    assert [images.class_counts() for images in seen] == [(5, 9, 3)] * 3
    first = seen[0]  # of the largest class, 1
    assert np.array_equal(first.pixels[first.labels == 1], pool.images(1, 0, 9))
    for label in (0, 2):
        real = TRAIN.pixels[TRAIN.labels == label]
        assert np.array_equal(first.pixels[first.labels == label], real)
    assert first.classes == TRAIN.classes


def test_balanced_needs_every_class(tmp_path: Path) -> None:
    fewer = TRAIN.take(np.flatnonzero(TRAIN.labels != 1))
    with pytest.raises(SourceError, match=r"at least 1 .* 'class-1' has 0"):
        _source("acgan", "balanced").fit(fewer, _context(tmp_path))


def test_a_resumed_training_goes_on_in_the_precision_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augsearch.device.has_bf16", lambda device: False)
    undisturbed = _source("acgan", "joint").fit(TRAIN, _context(tmp_path / "a"))
    _source("acgan", "joint", iterations=2).fit(TRAIN, _context(tmp_path / "b"))
    for name in ("generator", "discriminator"):
        (tmp_path / "b" / f"{name}.safetensors").unlink()

    monkeypatch.setattr("augsearch.device.has_bf16", lambda device: True)  # another machine
    events: list[Event] = []
    resumed = _source("acgan", "joint").fit(TRAIN, _context(tmp_path / "b", events.append))
    begun = TrainingBegun("gan", 0, 2, "cpu", "float32")
    assert [event for event in events if isinstance(event, TrainingBegun)] == [begun]
    assert np.array_equal(resumed.images(1, 0, 9), undisturbed.images(1, 0, 9))
    other = _source("acgan", "joint").fit(TRAIN, _context(tmp_path / "c"))
    assert not np.array_equal(other.images(1, 0, 9), undisturbed.images(1, 0, 9))


@pytest.mark.parametrize("selected", [False, True])
def test_classes_can_be_trained_apart_and_in_any_order(tmp_path: Path, selected: bool) -> None:
    select = {"by": "discriminator", "best": 2, "of": 3}
    source = _source("dcgan", "per-class", **({"select": select} if selected else {}))
    source.fit(TRAIN, _context(tmp_path / "whole"))
    told: list[Event] = []
    parts = source.parts(TRAIN)
    assert len(parts) == 3
    for part in reversed(parts):
        part.fit(TRAIN, _context(tmp_path / "parts", told.append))
    assert sum(isinstance(event, TrainingBegun) for event in told) == 3
    told.clear()
    source.fit(TRAIN, _context(tmp_path / "parts", told.append))
    assert not any(isinstance(event, TrainingBegun) for event in told)
    assert _files(tmp_path / "parts") == _files(tmp_path / "whole")


@pytest.mark.parametrize("strategy", ["joint", "balanced", "transfer"])
def test_other_strategies_have_no_parts(strategy: str) -> None:
    assert not _source("dcgan", strategy).parts(TRAIN)
