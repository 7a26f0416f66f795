import pytest
import torch

from augsearch.gan.augment import AUGMENTATIONS, augmented
from augsearch.seeds import Seed


def _images(count: int = 200, channels: int = 1, side: int = 16) -> torch.Tensor:
    rng = Seed.of("images").torch_generator()
    return torch.rand((count, channels, side, side), generator=rng) * 2 - 1


def _rng(number: int = 0) -> torch.Generator:
    return Seed.of("augment", number).torch_generator()


def test_brightness_adds_one_number_per_image() -> None:
    images = _images(channels=3)
    change = augmented(images, ["brightness"], _rng()) - images
    shift = change[:, 0, 0, 0]
    assert torch.allclose(change, shift[:, None, None, None].expand_as(change), atol=1e-6)
    assert shift.min() >= -0.5 and shift.max() <= 0.5
    assert shift.min() < -0.4 and shift.max() > 0.4


def test_contrast_keeps_the_mean_and_stretches_about_it() -> None:
    images = _images()
    changed = augmented(images, ["contrast"], _rng())
    assert torch.allclose(changed.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-5)
    factor = changed.std((1, 2, 3)) / images.std((1, 2, 3))
    assert 0.5 <= factor.min() < 0.6 and 1.4 < factor.max() <= 1.5


@pytest.mark.parametrize("channels", [1, 3])
def test_translation_equals_a_padded_crop(channels: int) -> None:
    images = _images(60, channels)
    moved = augmented(images, ["translation"], _rng())
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    seen = set()
    for image, result in zip(padded, moved, strict=True):
        matches = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if torch.equal(image[:, down : down + 16, right : right + 16], result)
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert {down for down, _ in seen} == {right for _, right in seen} == set(range(5))


def test_flip_mirrors_few_enough_for_left_and_right_to_be_told_apart() -> None:
    images = _images()
    flipped = augmented(images, ["flip"], _rng())
    mirrored = [
        torch.equal(after, before.flip(2)) for before, after in zip(images, flipped, strict=True)
    ]
    kept = [torch.equal(after, before) for before, after in zip(images, flipped, strict=True)]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 30 < sum(mirrored) < 70


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_pass_and_the_draw_is_the_generators(name: str) -> None:
    images = _images(20).requires_grad_()
    first = augmented(images, [name], _rng(1))
    first.square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert torch.equal(first, augmented(images, [name], _rng(1)))
    assert not torch.equal(first, augmented(images, [name], _rng(2)))
