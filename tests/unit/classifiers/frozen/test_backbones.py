import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray

from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.torchvision_networks import known_backbones
from augsearch.device import Precision, has_bf16
from augsearch.errors import DataError, WeightsError
from augsearch.seeds import Seed

needs_bf16 = pytest.mark.skipif(not has_bf16("cpu"), reason="needs a processor with bf16")


def make(
    name: str = "resnet18", size: int = 32, seed: int = 0, precision: Precision = "float32"
) -> TorchvisionBackbone:
    return TorchvisionBackbone(
        name, "random", seed=Seed.of(seed), input_size=size, precision=precision
    )


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (70, 32, 32, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def densenet() -> TorchvisionBackbone:
    return make("densenet121")


@pytest.mark.parametrize(
    ("name", "width"), [("resnet18", 512), ("densenet121", 1024), ("efficientnet_v2_s", 1280)]
)
def test_features_are_the_pooled_maps_of_the_network(name: str, width: int) -> None:
    backbone = make(name)
    image = np.full((1, 32, 32, 3), 128, dtype=np.uint8)
    image[:, 8:20, 8:20] = (255, 0, 60)
    found = backbone.features(image)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(Seed.of(0).integer())
        network = torchvision.models.get_model(name, weights=None).eval()
    pooled: list[torch.Tensor] = []
    last = network.fc if name.startswith("resnet") else network.classifier
    last.register_forward_pre_hook(lambda module, args: pooled.append(args[0]))
    transform = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        network(transform(torch.from_numpy(image).permute(0, 3, 1, 2) / 255))
    assert found.shape == (1, width)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, pooled[0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", pytest.param("bf16", marks=needs_bf16)])
@pytest.mark.parametrize("name", ["densenet121", "resnet18", "efficientnet_v2_s"])
def test_a_row_depends_on_its_own_image_alone_to_the_last_bit(
    name: str, precision: Precision, images: NDArray[np.uint8]
) -> None:
    backbone = make(name, precision=precision)
    whole = backbone.features(images)
    np.testing.assert_array_equal(backbone.features(images[:1]), whole[:1])
    np.testing.assert_array_equal(backbone.features(images[5:9]), whole[5:9])
    order = np.random.default_rng(1).permutation(len(images))
    np.testing.assert_array_equal(backbone.features(images[order]), whole[order])


def test_random_weights_come_from_the_seed_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    prints = [make(seed=seed).fingerprint for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert prints[0] == prints[1] != prints[2]


def test_the_fingerprint_tells_settings_apart() -> None:
    assert len({make().fingerprint, make(size=64).fingerprint, make("resnet34").fingerprint}) == 3


@needs_bf16
def test_bf16_is_another_fingerprint_and_nearly_the_same_features(
    densenet: TorchvisionBackbone, images: NDArray[np.uint8]
) -> None:
    lowered = make("densenet121", precision="bf16")
    assert lowered.fingerprint != densenet.fingerprint
    expected, found = densenet.features(images), lowered.features(images)
    assert found.dtype == np.float32
    # bfloat16 keeps 8 bits; 121 layers add up to little more.
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 1e-5 < error < 0.01


def test_auto_takes_bf16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    backbones = {}
    for here in (False, True):
        monkeypatch.setattr("augsearch.device.has_bf16", lambda device, here=here: here)
        backbones[here] = TorchvisionBackbone(
            "resnet18", "random", seed=Seed.of(0), input_size=32
        ).fingerprint
    assert backbones[False] == make().fingerprint != backbones[True]


def test_images_are_resized_smoothly(densenet: TorchvisionBackbone) -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (4, 8, 8, 1), dtype=np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    large = coarse.repeat(3, axis=1).repeat(3, axis=2)
    noisy = np.clip(large.astype(int) + rng.choice([-40, 40], large.shape), 0, 255)
    wanted = densenet.features(coarse)
    found = densenet.features(noisy.astype(np.uint8))
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.99
    assert found.shape == wanted.shape


def test_no_images_give_no_rows(densenet: TorchvisionBackbone) -> None:
    assert densenet.features(np.zeros((0, 32, 32, 1), dtype=np.uint8)).shape == (0, 1024)


def test_read_only_memory_is_taken(
    densenet: TorchvisionBackbone, images: NDArray[np.uint8]
) -> None:
    locked = images[:64].copy()
    locked.flags.writeable = False
    assert densenet.features(locked).shape == (64, 1024)


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 32, 32, 2), (32, 32, 3)])
def test_other_shapes_are_refused(densenet: TorchvisionBackbone, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="images must be uint8 of shape"):
        densenet.features(np.zeros(shape, dtype=np.uint8))


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(
        WeightsError, match=r"resnet50.*'densnet121' \(did you mean 'densenet121'\?\)"
    ):
        make("densnet121")


def test_the_known_names_cover_the_families() -> None:
    known = known_backbones()
    assert {"densenet121", "resnet18", "resnext50_32x4d", "wide_resnet50_2"} <= set(known)
    assert "efficientnet_v2_s" in known
    assert "vgg16" not in known


def test_inputs_below_32_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="input_size must be at least 32 but got 16"):
        make(size=16)


def test_the_number_of_threads_changes_nothing(images: NDArray[np.uint8]) -> None:
    # Cut into three, EfficientNet's rows would depend on their place in the batch.
    backbone, before = make("efficientnet_v2_s"), torch.get_num_threads()
    order = np.random.default_rng(2).permutation(64)
    expected = backbone.features(images[:64])
    try:
        torch.set_num_threads(3)
        found = backbone.features(images[order])
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found, expected[order])


def test_a_backbone_with_a_graph_is_let_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # In a circle of references its memory on the GPU would stay until Python looks for garbage.
    class Kept(SimpleNamespace):
        def __call__(self, images: object) -> object:
            return images

    monkeypatch.setattr(
        "augsearch.classifiers.frozen.backbones.Captured", lambda run: Kept(run=run)
    )
    backbone = make()
    backbone._forward(SimpleNamespace(is_cuda=True, shape=torch.Size([1])))
    assert len(backbone._graphs) == 1
    left = weakref.ref(backbone)
    gc.disable()
    try:
        del backbone
        assert left() is None
    finally:
        gc.enable()
