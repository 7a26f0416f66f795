import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from augsearch.classifiers.captured import Captured
from augsearch.classifiers.discriminator import DiscriminatorClassifier
from augsearch.classifiers.end_to_end.classifier import EndToEnd
from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.gan.create import create_gan
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import EndToEndOptions
from augsearch.study.schema.generators import AcganOptions
from augsearch.testing.images import toy_images, toy_training_sets

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]

DEVICE = "cuda"
SEED = Seed.of(0, "graphs")


def _product(side: int) -> Callable[[Tensor], Tensor]:
    weight = torch.randn(side, side, device=DEVICE)
    return lambda x: x @ weight


def test_a_captured_call_gives_what_a_plain_one_does() -> None:
    run = _product(64)
    captured = Captured(run)
    given = [torch.randn(8, 64, device=DEVICE) for _ in range(8)]
    found = [captured(x) for x in given]  # kept: no call may write over what another returned
    for x, own in zip(given, found, strict=True):
        torch.testing.assert_close(own, run(x))


def _products() -> None:
    # As many as would take each of torch's 32 side streams, with a workspace of cuBLAS on each.
    for _ in range(16):
        captured = Captured(_product(64))
        for _ in range(5):
            captured(torch.randn(8, 64, device=DEVICE))


def _backbone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (600, 32, 32, 1), dtype=np.uint8)
    backbone = TorchvisionBackbone("resnet18", "random", seed=SEED, input_size=32, device=DEVICE)
    backbone.features(images)
    backbone.features(images)


def _gan() -> None:
    # Not "small-data": torch keeps layers with spectral norm until Python looks for garbage.
    options = AcganOptions(kind="acgan", preset="kong2022", width=0.25, batch_size=8)
    game = create_gan(options, toy_images((10, 10), 32), SEED, DEVICE)
    for iteration in (1, 2):
        game.step(iteration, SEED.child(iteration).torch_generator(DEVICE))


def _end_to_end() -> None:
    options = EndToEndOptions(kind="end-to-end", network="fridadar2018", batch_size=8, epochs=3)
    EndToEnd(options, device=DEVICE).fit(toy_training_sets(2, size=32))


def _discriminator() -> None:
    options = AcganOptions(kind="acgan", preset="kong2022", width=0.1, batch_size=8, iterations=3)
    DiscriminatorClassifier(options, device=DEVICE).fit(toy_training_sets(2, size=32))


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Memory that waits for Python to look for garbage is not given back."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("use", [_products, _backbone, _gan, _end_to_end, _discriminator])
def test_what_held_graphs_gives_all_memory_back(use: Callable[[], None]) -> None:
    def reserved() -> int:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    _products()  # the workspaces of libraries stay
    use()
    before = reserved()
    use()
    assert reserved() <= before
