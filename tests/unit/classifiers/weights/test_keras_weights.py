import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from torch.nn import functional

from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.registry import create_classifier
from augsearch.classifiers.weights.keras_weights import read_keras_weights
from augsearch.classifiers.weights.loading import read_weights
from augsearch.errors import WeightsError
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.seeds import Seed
from augsearch.study.schema.classifier import FrozenOptions, LogisticHead

Arrays = dict[str, NDArray[np.floating]]
Layers = dict[str, Arrays]
BLOCKS = (6, 12, 24, 16)
MEAN, SD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def names_121() -> dict[str, str]:
    """Keras layer to torchvision layer, spelt out as the two packages spell them."""
    names = {"conv1/conv": "features.conv0", "conv1/bn": "features.norm0"}
    for block, length in enumerate(BLOCKS, start=1):
        for number in range(1, length + 1):
            ours, theirs = f"conv{block + 1}_block{number}", f"denseblock{block}.denselayer{number}"
            names[f"{ours}_0_bn"] = f"features.{theirs}.norm1"
            names[f"{ours}_1_conv"] = f"features.{theirs}.conv1"
            names[f"{ours}_1_bn"] = f"features.{theirs}.norm2"
            names[f"{ours}_2_conv"] = f"features.{theirs}.conv2"
        if block < 4:
            names[f"pool{block + 1}_bn"] = f"features.transition{block}.norm"
            names[f"pool{block + 1}_conv"] = f"features.transition{block}.conv"
    return {**names, "bn": "features.norm5"}


@pytest.fixture(scope="module")
def chexnet() -> Layers:
    """A DenseNet-121 as Keras holds it, random, with a CheXNet's head."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        state = torchvision.models.densenet121(weights=None).state_dict()
    rng = np.random.default_rng(5)
    layers: Layers = {}
    for ours, theirs in names_121().items():
        weight = state[f"{theirs}.weight"].numpy()
        if ours.endswith("conv"):
            layers[ours] = {"kernel": weight.transpose(2, 3, 1, 0)}
            continue
        n = len(weight)
        layers[ours] = {
            "gamma": rng.uniform(0.5, 1.5, n).astype("f4"),
            "beta": rng.normal(0, 0.2, n).astype("f4"),
            "moving_mean": rng.normal(0, 0.1, n).astype("f4"),
            "moving_variance": rng.uniform(0.5, 1.5, n).astype("f4"),
        }
    # So small that the epsilon counts.
    layers["conv1/bn"]["moving_variance"][:] = rng.uniform(0, 2e-5, 64)
    layers["conv1/bn"]["gamma"][:] = rng.uniform(0.005, 0.01, 64)
    return {**layers, "predictions": {"kernel": np.zeros((1024, 14)), "bias": np.full(14, np.nan)}}


def write(path: Path, layers: Layers, *, group: str = "", text: type = bytes) -> Path:
    """Save as Keras 2 saves a network of plain layers."""
    with h5py.File(path, "w") as file:
        model = file.require_group(group) if group else file
        names = ["input_1", *layers, "avg_pool"]
        model.attrs["layer_names"] = [n.encode() if text is bytes else n for n in names]
        model.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = b'{"class_name": "__import__(\'os\')"}'
        for layer in names:
            one, arrays = model.require_group(layer), layers.get(layer, {})
            weights = [f"{layer}/{variable}:0" for variable in arrays]
            one.attrs["weight_names"] = [w.encode() if text is bytes else w for w in weights]
            for weight, array in zip(weights, arrays.values(), strict=True):
                one[weight] = array
    return path


def reference(layers: Layers, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """keras-applications' DenseNet-121 with average pooling, from the arrays of the Keras file."""

    def conv(x: torch.Tensor, name: str, **how: int) -> torch.Tensor:
        height_width_in_out = torch.from_numpy(layers[name]["kernel"].astype("f8").copy())
        return functional.conv2d(x, torch.einsum("hwio->oihw", height_width_in_out), **how)

    def bn_relu(x: torch.Tensor, name: str) -> torch.Tensor:
        gamma, beta, mean, variance = (
            torch.from_numpy(layers[name][v].astype("f8")).view(-1, 1, 1)
            for v in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return torch.relu(gamma * (x - mean) / torch.sqrt(variance + 1.001e-5) + beta)

    x = (torch.from_numpy(images.repeat(3, axis=3) / 255) - torch.tensor(MEAN)) / torch.tensor(SD)
    x = functional.pad(x.permute(0, 3, 1, 2).double(), (3, 3, 3, 3))
    x = bn_relu(conv(x, "conv1/conv", stride=2), "conv1/bn")
    x = functional.max_pool2d(functional.pad(x, (1, 1, 1, 1)), 3, stride=2)
    for block, length in enumerate(BLOCKS, start=2):
        for number in range(1, length + 1):
            name = f"conv{block}_block{number}"
            new = conv(bn_relu(x, f"{name}_0_bn"), f"{name}_1_conv")
            new = conv(bn_relu(new, f"{name}_1_bn"), f"{name}_2_conv", padding=1)
            x = torch.cat([x, new], dim=1)
        if block < 5:
            x = conv(bn_relu(x, f"pool{block}_bn"), f"pool{block}_conv")
            x = functional.avg_pool2d(x, 2)
    return bn_relu(x, "bn").mean(dim=(2, 3)).numpy()


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 1), dtype=np.uint8)


def load(path: Path, name: str = "densenet121") -> TorchvisionBackbone:
    return TorchvisionBackbone(name, path, seed=Seed.of(0), input_size=32, precision="float32")


def test_features_are_those_that_keras_would_compute(
    chexnet: Layers, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    found = load(write(tmp_path / "chexnet.h5", chexnet)).features(images)
    expected = reference(chexnet, images)
    assert expected.std(axis=0).max() > 1e-3, "the images must differ for this to say anything"
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * expected.max())


def test_every_layer_goes_where_it_belongs(chexnet: Layers, tmp_path: Path) -> None:
    found = read_weights(write(tmp_path / "chexnet.hdf5", chexnet), "features.conv0")
    network = torchvision.models.densenet121(weights=None)
    wanted = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    assert set(found) == {k for k in wanted if not k.startswith("classifier")}
    assert all(found[k].shape == wanted[k].shape and found[k].is_contiguous() for k in found)
    for ours, theirs in names_121().items():
        arrays = chexnet[ours]
        if "kernel" in arrays:
            height, width, n_in, n_out = arrays["kernel"].shape
            here = found[f"{theirs}.weight"].numpy()
            for at in np.ndindex(height, width):
                np.testing.assert_array_equal(here[:, :, *at], arrays["kernel"][at].T, ours)
            assert here.shape[:2] == (n_out, n_in)
            continue
        for variable, name in (("gamma", "weight"), ("beta", "bias"), ("moving_mean",) * 2):
            name = name.replace("moving", "running")
            np.testing.assert_array_equal(found[f"{theirs}.{name}"], arrays[variable], ours)
        np.testing.assert_allclose(
            found[f"{theirs}.running_var"], arrays["moving_variance"] + 1e-8, rtol=1e-6
        )


def test_from_a_study_file_to_probabilities(
    chexnet: Layers, images: NDArray[np.uint8], tmp_path: Path
) -> None:
    options = FrozenOptions(
        weights=write(tmp_path / "chexnet.h5", chexnet), head=LogisticHead(kind="logistic")
    )
    classifier = create_classifier(
        options, image_shape=(32, 32, 1), cache=tmp_path / "cache", seed=Seed.of(0)
    )
    labels = np.array([0, 1, 0, 1, 1])
    cell = TrainingSet((Portion(ImageBlock.of(images), np.arange(5), labels),), 2, Seed.of(1))
    (fitted,) = classifier.fit([cell])
    assert (fitted.predict_proba(ImageBlock.of(images)).argmax(axis=1) == labels).all()


def small() -> Layers:
    """The first and the last layers of a DenseNet, a few channels wide."""
    rng = np.random.default_rng(1)
    norm = {v: rng.random(4).astype("f4") for v in ("gamma", "beta", "moving_mean")}
    norm["moving_variance"] = rng.random(4).astype("f4")
    return {
        "conv1/conv": {"kernel": rng.random((7, 7, 3, 4)).astype("f4")},
        "conv1/bn": norm,
        "conv3_block12_1_conv": {"kernel": rng.random((1, 1, 4, 2)).astype("f4")},
        "pool4_bn": {k: v + 1 for k, v in norm.items()},
        "bn": {k: v + 2 for k, v in norm.items()},
        "fc1000": {"kernel": np.zeros((4, 9), "f4"), "bias": np.zeros(9, "f4")},
    }


def as_weights(path: Path) -> Path:
    return write(path, small())


def as_text(path: Path) -> Path:
    return write(path, small(), text=str)


def as_whole_model(path: Path) -> Path:
    return write(path, small(), group="model_weights")


def as_newer_names(path: Path) -> Path:
    """Keras 3: no slashes in layer names, no ":0", and the same layers as of old."""
    layers = {layer.replace("/", "_"): arrays for layer, arrays in small().items()}
    write(path, layers)
    with h5py.File(path, "r+") as file:
        for layer, arrays in layers.items():
            file[layer].attrs["weight_names"] = [f"{layer}/{variable}" for variable in arrays]
            for variable in arrays:
                file[layer].move(f"{layer}/{variable}:0", f"{layer}/{variable}")
    return path


def as_second_of_a_session(path: Path) -> Path:
    """TensorFlow 1 numbers the scopes of a network that is built a second time."""
    write(path, small())
    with h5py.File(path, "r+") as file:
        file["conv1/bn"].move("conv1/bn", "conv1/bn_1")
        weights = [f"conv1/bn_1/{v}:0" for v in small()["conv1/bn"]]
        file["conv1/bn"].attrs["weight_names"] = weights
    return path


def as_nested(path: Path, prefix: str = "") -> Path:
    """The network as one layer of another one, names in numbered pieces, and a head beside it."""
    layers = small()
    head = layers.pop("fc1000")
    weights = [f"{prefix}{layer}/{v}:0" for layer, arrays in layers.items() for v in arrays]
    write(path, {"dense_1": head})
    with h5py.File(path, "r+") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = [b"input_1"]
        file.attrs["layer_names1"] = [b"densenet121", b"dense_1"]
        inner = file.create_group("densenet121")
        inner.attrs["weight_names0"], inner.attrs["weight_names1"] = weights[:3], weights[3:]
        arrays = [array for layer in layers.values() for array in layer.values()]
        for weight, array in zip(weights, arrays, strict=True):
            inner[weight] = array
    return path


def as_nested_with_prefix(path: Path) -> Path:
    return as_nested(path, "densenet121/")


@pytest.mark.parametrize(
    "save",
    [
        as_text,
        as_whole_model,
        as_newer_names,
        as_second_of_a_session,
        as_nested,
        as_nested_with_prefix,
    ],
    ids=lambda f: f.__name__,
)
def test_all_layouts_hold_the_same(save: Callable[[Path], Path], tmp_path: Path) -> None:
    expected = read_keras_weights(as_weights(tmp_path / "plain.h5"))
    found = read_keras_weights(save(tmp_path / "other.h5"))
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert "features.denseblock2.denselayer12.conv1.weight" in found
    assert "features.transition3.norm.running_var" in found


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4"])
def test_other_kinds_of_numbers(dtype: str, tmp_path: Path) -> None:
    layers = {k: {v: a.astype(dtype) for v, a in one.items()} for k, one in small().items()}
    found = read_keras_weights(write(tmp_path / "a.h5", layers))["features.conv0.weight"]
    assert found.dtype == torch.float32
    expected = small()["conv1/conv"]["kernel"].transpose(3, 2, 0, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def refuse(path: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        read_weights(path, "features.conv0")
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)


RESNET = {
    "conv1_conv": {"kernel": np.zeros((7, 7, 3, 4)), "bias": np.zeros(4)},
    "conv2_block1_0_conv": {"kernel": np.zeros((1, 1, 4, 4))},
    "conv2_block1_0_bn": {"gamma": np.zeros(4)},
}
GREY = {**small(), "conv1/conv": {"kernel": np.zeros((7, 7, 1, 4))}}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (RESNET, r"DenseNet of keras-app.*conv1/conv, .*but has conv2_block1_0_conv;"),
        ({"block1_conv1": {"kernel": np.zeros((3, 3, 3, 4))}}, r"but has block1_conv1;"),
        ({"dense": {"kernel": np.zeros((3, 3))}}, r"but has no layers at all"),
        ({"bn": small()["bn"]}, r"but has features.norm5"),
        ({**small(), "conv1_scale": {"gamma": np.zeros(4)}}, r"but has conv1_scale;"),
        ({**small(), "conv1_conv": small()["conv1/conv"]}, r"one network.*twice"),
        (GREY, r"three input channels.*\(7, 7, 1, 4\)"),
    ],
)
def test_another_network_is_refused(layers: Layers, message: str, tmp_path: Path) -> None:
    refuse(write(tmp_path / "other.h5", layers), message)


def test_another_backbone_than_the_file_has(chexnet: Layers, tmp_path: Path) -> None:
    path = write(tmp_path / "chexnet.h5", chexnet)
    with pytest.raises(WeightsError, match=r"must hold the layer 'conv1.weight'.*set backbone"):
        load(path, "resnet18")
    with pytest.raises(
        WeightsError, match=r"missing: features.denseblock3.denselayer25.*Set backbone"
    ):
        load(path, "densenet169")


def test_missing_surplus_and_misshapen_layers_and_values(chexnet: Layers, tmp_path: Path) -> None:
    odd = dict(chexnet)
    del odd["conv5_block16_2_conv"]
    odd["conv5_block17_2_conv"] = {"kernel": np.zeros((3, 3, 128, 32))}
    odd["pool2_conv"] = {"kernel": np.zeros((1, 1, 9, 9)), "bias": np.zeros(9)}
    with pytest.raises(WeightsError) as caught:
        load(write(tmp_path / "odd.h5", odd))
    message = str(caught.value)
    assert "1 missing: features.denseblock4.denselayer16.conv2.weight" in message
    assert "features.denseblock4.denselayer17.conv2.weight" in message
    assert "features.transition1.conv.bias" in message
    assert "features.transition1.conv.weight is (9, 9, 1, 1) instead of (128, 256, 1, 1)" in message
    nan = {**chexnet, "bn": {**chexnet["bn"], "moving_variance": np.full(1024, np.nan)}}
    with pytest.raises(WeightsError, match=r"finite numbers only but has not in features.norm5"):
        load(write(tmp_path / "nan.h5", nan))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89HDF\r\n\x1a\n torn"])
def test_a_file_that_is_no_hdf5(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    refuse(tmp_path / "a.h5", "cannot be read as Keras weights.*Is it whole")


def test_a_torn_file(tmp_path: Path) -> None:
    path = as_weights(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuse(path, "Is it whole")


def test_a_file_without_names_of_layers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros((7, 7, 3, 4))
    refuse(tmp_path / "a.h5", re.escape("model.save('name.h5')"))


def test_kernels_of_theano_are_refused(tmp_path: Path) -> None:
    with h5py.File(as_weights(tmp_path / "a.h5"), "r+") as file:
        file.attrs["backend"] = b"theano"
    refuse(tmp_path / "a.h5", "Theano, whose kernels are mirrored")


KERNEL = "conv1/conv/kernel:0"


def replace(path: Path, change: Callable[[h5py.Group], None]) -> Path:
    """Take the first kernel out of a good file and put something else in its place."""
    as_weights(path)
    with h5py.File(path, "r+") as file:
        del file["conv1/conv"][KERNEL]
        change(file["conv1/conv"])
    return path


def to_external_link(layer: h5py.Group) -> None:
    layer[KERNEL] = h5py.ExternalLink("secret.h5", "/kernel")


def to_soft_link(layer: h5py.Group) -> None:
    layer[KERNEL] = h5py.SoftLink("/conv1/bn")


def to_linked_folder(layer: h5py.Group) -> None:
    del layer["conv1"]
    layer["conv1"] = h5py.ExternalLink("secret.h5", "/")


def to_external_storage(layer: h5py.Group) -> None:
    layer.create_dataset(KERNEL, (7, 7, 3, 4), "f4", external=[("secret.bin", 0, 588 * 4)])


def to_virtual(layer: h5py.Group) -> None:
    layout = h5py.VirtualLayout((7, 7, 3, 4), "f4")
    layout[...] = h5py.VirtualSource("secret.h5", "kernel", (7, 7, 3, 4))
    layer.create_virtual_dataset(KERNEL, layout)


def to_text(layer: h5py.Group) -> None:
    layer[KERNEL] = ["__import__('os').abort()"]


def to_vectors(layer: h5py.Group) -> None:
    layer.create_dataset(KERNEL, (7, 7, 3, 4), h5py.vlen_dtype(np.float32))


def to_group(layer: h5py.Group) -> None:
    layer.create_group(KERNEL)


def to_nothing(layer: h5py.Group) -> None:
    pass


def to_a_bomb(layer: h5py.Group) -> None:
    layer.create_dataset(KERNEL, (7, 7, 3, 10**9), "f4", chunks=(7, 7, 3, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (to_external_link, "refers to another place"),
        (to_soft_link, "refers to another place"),
        (to_linked_folder, "refers to another place"),
        (to_external_storage, "refers to another place"),
        (to_virtual, "refers to another place"),
        (to_text, "three input channels"),
        (to_vectors, "must hold floating-point numbers"),
        (to_group, "must hold numbers"),
        (to_nothing, "does not hold it"),
        (to_a_bomb, "at most 16777216 numbers"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_only_plain_numbers_of_the_file_itself_are_read(
    change: Callable[[h5py.Group], None], message: str, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((7, 7, 3, 4), "f4")
    (tmp_path / "secret.bin").write_bytes(bytes(588 * 4))
    refuse(replace(tmp_path / "a.h5", change), message)


def test_a_linked_model_is_not_followed(tmp_path: Path) -> None:
    as_whole_model(tmp_path / "real.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["model_weights"] = h5py.ExternalLink("real.h5", "model_weights")
    refuse(tmp_path / "a.h5", "refers to another place")
