import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from augsearch.errors import DivergedError, SourceError
from augsearch.events import Event, PictureMade, TrainingLogged
from augsearch.gan.acgan_step import AcganStep
from augsearch.records import LabelledImages
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.generators.generator import GeneratorSource
from augsearch.study.schema.generators import AcganOptions
from augsearch.testing.sources import check_source

SEED = Seed.of(0, "acgan")


def _options(**settings: object) -> AcganOptions:
    small: dict[str, object] = {
        "kind": "acgan",
        "width": 0.125,
        "batch_size": 8,
        "iterations": 30,
        "snapshot_every": 10,
        "checkpoint_every": 7,
        "snapshot": "last",
    }
    return AcganOptions.model_validate(small | settings)


def _train(size: int = 16, channels: int = 1, counts: tuple[int, ...] = (8, 8)) -> LabelledImages:
    """Class 0 is bright on the left, class 1 on the right."""
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 80, (len(labels), size, size, channels), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[:, label * size // 2 : (label + 1) * size // 2] += 120
    names = tuple(map(str, range(len(labels))))
    return LabelledImages(pixels, labels, np.arange(len(labels)), names, ("left", "right"))


def _context(folder: Path, notify: Callable[[Event], None] = lambda _: None) -> FitContext:
    return FitContext("acgan", 0, SEED, folder, notify=notify)


def _files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _brighter_side(pixels: np.ndarray) -> np.ndarray:
    half = pixels.shape[2] // 2
    return (pixels[:, :, half:].mean((1, 2, 3)) > pixels[:, :, :half].mean((1, 2, 3))).astype(int)


def test_a_short_training_learns_which_class_is_which(tmp_path: Path) -> None:
    options = _options(iterations=120, width=0.25, generator_learning_rate=1e-3, augment=[])
    pool = GeneratorSource(options).fit(_train(), _context(tmp_path))
    for label in (0, 1):
        images = pool.images(label, 0, 64)
        assert images.shape == (64, 16, 16, 1) and images.dtype == np.uint8
        assert (_brighter_side(images) == label).mean() > 0.9


@pytest.mark.parametrize("preset", ["kong2022", "small-data"])
@pytest.mark.parametrize("stop_at", [4, 22])
def test_a_killed_fit_ends_with_the_same_files(tmp_path: Path, preset: str, stop_at: int) -> None:
    width = {"kong2022": 0.04, "small-data": 0.125}[preset]
    source = GeneratorSource(_options(preset=preset, width=width, snapshot="best"))

    def judge(images: LabelledImages) -> float:
        return float(images.pixels.mean())

    def killed(event: Event) -> None:
        if isinstance(event, TrainingLogged) and event.iteration >= stop_at:
            raise KeyboardInterrupt

    context = replace(_context(tmp_path / "a"), judge=judge)
    source.fit(_train(), context)
    with pytest.raises(KeyboardInterrupt):
        source.fit(_train(), replace(context, folder=tmp_path / "b", notify=killed))
    torch.rand(3)  # a new process has another global random state
    source.fit(_train(), replace(context, folder=tmp_path / "b"))
    undisturbed, resumed = _files(tmp_path / "a"), _files(tmp_path / "b")
    assert undisturbed.keys() == resumed.keys()
    assert [name for name in undisturbed if undisturbed[name] != resumed[name]] == []


def test_a_finished_fit_returns_at_once(tmp_path: Path) -> None:
    first = GeneratorSource(_options()).fit(_train(), _context(tmp_path))
    content, events = _files(tmp_path), []
    second = GeneratorSource(_options()).fit(_train(), _context(tmp_path, events.append))
    assert not [event for event in events if isinstance(event, TrainingLogged | PictureMade)]
    assert _files(tmp_path) == content
    assert np.array_equal(first.images(1, 3, 9), second.images(1, 3, 9))


def test_it_keeps_the_promises_of_a_source(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    check_source(GeneratorSource(_options(iterations=3)), _train(), _context(tmp_path))
    assert torch.equal(before, torch.random.get_rng_state())


def test_folds_and_seeds_differ(tmp_path: Path) -> None:
    source = GeneratorSource(_options(iterations=2))
    one = source.fit(_train(), _context(tmp_path / "a"))
    other = source.fit(
        _train(), FitContext("acgan", 1, Seed.of(0, "acgan", "fold", 1), tmp_path / "b")
    )
    assert not np.array_equal(one.images(0, 0, 4), other.images(0, 0, 4))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    GeneratorSource(_options()).fit(_train(), _context(folder))
    return folder


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "choice.json",
        "generator.safetensors",
        "discriminator.safetensors",
        "checkpoint.safetensors",
        "snapshots/000010.safetensors",
        "snapshots/000030.discriminator.safetensors",
        "snapshots/000030.json",
    ],
)
def test_a_changed_bit_is_noticed_and_the_file_made_again(
    trained: Path, tmp_path: Path, name: str, finished: bool
) -> None:
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    whole = (tmp_path / name).read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    (tmp_path / name).write_bytes(damaged)
    if not finished:
        (tmp_path / "generator.safetensors").unlink()
    first = GeneratorSource(_options()).fit(_train(), _context(trained))
    second = GeneratorSource(_options()).fit(_train(), _context(tmp_path))
    assert np.array_equal(first.images(1, 0, 9), second.images(1, 0, 9))
    # Nobody reads a snapshot or a checkpoint again once the training is finished.
    unread = finished and name.startswith(("checkpoint", "snapshots"))
    assert (tmp_path / name).read_bytes() == (damaged if unread else whole)


def test_an_exploding_training_ends_with_a_clear_error(tmp_path: Path) -> None:
    options = _options(generator_learning_rate=1e30, preset="kong2022", width=0.04)
    with pytest.raises(DivergedError, match=r"source acgan, fold 0: .* iteration \d+"):
        GeneratorSource(options).fit(_train(), _context(tmp_path))
    assert not (tmp_path / "generator.safetensors").exists()


def test_images_that_do_not_suit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="divisible by 8"):
        GeneratorSource(_options()).fit(_train(size=12), _context(tmp_path))
    train = _train()
    flat = replace(train, pixels=train.pixels[:, :8])
    with pytest.raises(SourceError, match=r"square .* 8 x 16"):
        GeneratorSource(_options()).fit(flat, _context(tmp_path))


@pytest.mark.parametrize("balanced", [True, False])
def test_real_batches_are_balanced_if_told(balanced: bool) -> None:
    options = _options(batch_size=2000, balanced_batches=balanced)
    step = AcganStep(options, _train(counts=(3, 17)), SEED, "cpu")
    images, labels = step._real.draw(2000, SEED.torch_generator())
    assert labels.float().mean().item() == pytest.approx(0.5 if balanced else 0.85, abs=0.04)
    pixels = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(_brighter_side(pixels), labels.numpy())
    assert images.min() >= -1 and images.max() <= 1


def test_read_only_images_are_taken_as_they_are() -> None:
    train = _train(channels=3)
    train.pixels.flags.writeable = False
    losses = AcganStep(_options(), train, SEED, "cpu").step(1, SEED.torch_generator())
    assert losses.shape == (4,) and losses.isfinite().all() and not losses.requires_grad
