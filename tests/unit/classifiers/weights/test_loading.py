import hashlib
import io
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from augsearch.classifiers.frozen.backbones import TorchvisionBackbone
from augsearch.classifiers.weights.loading import imagenet_file, load_into, read_weights
from augsearch.errors import WeightsError
from augsearch.seeds import Seed

State = dict[str, torch.Tensor]
MEAN, SD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = torchvision.models.densenet121(weights=None).eval()
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)


def reference(network: torch.nn.Module, x: torch.Tensor) -> np.ndarray:
    """Pooled features of a densenet, written out independently of the class under test."""
    with torch.no_grad():
        maps = torch.relu(network.features(x))
        return maps.mean(dim=(2, 3)).numpy()


def three_channels(images: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(images.repeat(3, axis=3) / 255).float()
    return ((x - MEAN) / SD).permute(0, 3, 1, 2)


def load(path: Path, name: str = "densenet121") -> TorchvisionBackbone:
    return TorchvisionBackbone(name, path, seed=Seed.of(0), input_size=32, precision="float32")


def old_names(state: State) -> State:
    """Names as before torch 0.4.1: norm.1 instead of norm1, and no batch counters."""
    renamed = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", k): v for k, v in state.items()
    }
    return {k: v for k, v in renamed.items() if "num_batches" not in k}


def as_torchvision(state: State, path: Path) -> Path:
    torch.save(state, path / "plain.pth")
    return path / "plain.pth"


def as_downloaded(state: State, path: Path) -> Path:
    torch.save(old_names(state), path / "old.pth", _use_new_zipfile_serialization=False)
    return path / "old.pth"


def as_chexnet(state: State, path: Path) -> Path:
    inner = {f"module.densenet121.{k}": v for k, v in old_names(state).items()}
    inner = {k.replace("classifier.", "classifier.0."): v for k, v in inner.items()}
    torch.save({"epoch": 7, "state_dict": inner, "best_loss": 0.1}, path / "model.pth.tar")
    return path / "model.pth.tar"


def as_safetensors(state: State, path: Path) -> Path:
    save_file(state, path / "model.safetensors")
    return path / "model.safetensors"


def as_half_precision(state: State, path: Path) -> Path:
    rounded = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    torch.save(rounded, path / "half.pt")
    return path / "half.pt"


@pytest.mark.parametrize(
    "write", [as_torchvision, as_downloaded, as_chexnet, as_safetensors], ids=lambda f: f.__name__
)
def test_features_equal_those_of_the_network_that_was_saved(
    write: Callable[[State, Path], Path],
    network: torch.nn.Module,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    found = load(write(network.state_dict(), tmp_path)).features(images)
    np.testing.assert_allclose(
        found, reference(network, three_channels(images)), rtol=1e-4, atol=1e-5
    )


def test_half_precision_files_are_taken(
    network: torch.nn.Module, images: np.ndarray, tmp_path: Path
) -> None:
    found = load(as_half_precision(network.state_dict(), tmp_path)).features(images)
    expected = reference(network, three_channels(images))
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


def xrayvision_state(network: torch.nn.Module) -> State:
    state = dict(network.state_dict())
    state["features.conv0.weight"] = state["features.conv0.weight"][:, :1].clone()
    state["classifier.weight"] = torch.zeros(18, 1024)
    state["classifier.bias"] = torch.zeros(18)
    state["op_threshs"] = torch.full((18,), float("nan"))
    return state


def test_torchxrayvision_takes_grey_images_from_minus_to_plus_1024(
    network: torch.nn.Module, images: np.ndarray, tmp_path: Path
) -> None:
    state = xrayvision_state(network)
    torch.save(state, tmp_path / "xrv.pt")
    grey = torchvision.models.densenet121(weights=None).eval()
    grey.features.conv0 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    grey.load_state_dict({k: v for k, v in state.items() if k[0] == "f"}, strict=False)
    x = (2 * torch.from_numpy(images / 255).float().permute(0, 3, 1, 2) - 1) * 1024
    found = load(tmp_path / "xrv.pt").features(images)
    np.testing.assert_allclose(found, reference(grey, x), rtol=1e-4, atol=1e-2)
    in_colour = load(tmp_path / "xrv.pt").features(images.repeat(3, axis=3))
    np.testing.assert_allclose(in_colour, found, rtol=1e-3, atol=1e-2)


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_never_run(zipped: bool, tmp_path: Path) -> None:
    path, mark = tmp_path / "bomb.pth", tmp_path / "exploded"
    torch.save({"state_dict": Bomb(mark)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"Python objects.*ever run.*state_dict"):
        read_weights(path, "features.conv0")
    assert not mark.exists()


def test_a_whole_pickled_network_is_refused_with_the_way_out(
    network: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save(network, tmp_path / "network.pth")
    with pytest.raises(WeightsError, match=r"Python objects.*save model.state_dict"):
        load(tmp_path / "network.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.pth.tar"])
@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", b"PK\x03\x04 torn", b"\x80\x02}"]
)
def test_a_file_that_is_no_weights(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(name)):
        read_weights(tmp_path / name, "features.conv0")


def test_a_torn_file(network: torch.nn.Module, tmp_path: Path) -> None:
    path = as_torchvision(network.state_dict(), tmp_path)
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="cannot be read as network weights"):
        load(path)


def test_missing_unexpected_and_misshapen_layers_are_named(
    network: torch.nn.Module, tmp_path: Path
) -> None:
    state = dict(network.state_dict())
    gone = [k for k in state if "denseblock4.denselayer16" in k and k.endswith("weight")]
    for name in gone:
        del state[name]
    state["surplus.weight"] = torch.zeros(1)
    state["features.norm0.weight"] = torch.zeros(7)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "odd.pth")
    message = str(caught.value)
    assert (
        f"{len(gone)} missing: {gone[0]}, {gone[1]}, {gone[2]} and {len(gone) - 3} more" in message
    )
    assert "1 unexpected: surplus.weight" in message
    assert "1 wrong shape: features.norm0.weight is (7,) instead of (64,)" in message


def test_another_architecture_is_named(network: torch.nn.Module, tmp_path: Path) -> None:
    path = as_torchvision(network.state_dict(), tmp_path)
    with pytest.raises(WeightsError, match=r"must hold the layer 'conv1.weight'.*set backbone"):
        load(path, "resnet18")


def test_weights_that_are_not_finite(network: torch.nn.Module, tmp_path: Path) -> None:
    state = dict(network.state_dict())
    state["features.norm5.weight"] = torch.full((1024,), float("nan"))
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(
        WeightsError, match=r"finite numbers only but has not in features.norm5.weight"
    ):
        load(tmp_path / "nan.pth")


def test_offline_imagenet_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(url: str, timeout: float) -> None:
        assert timeout <= 10
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    with pytest.raises(WeightsError) as caught:
        TorchvisionBackbone("densenet121", "imagenet", seed=Seed.of(0), input_size=32)
    message = str(caught.value)
    assert "no route to host" in message
    assert "densenet121-a639ec97.pth" in message
    assert str(tmp_path / "checkpoints") in message.replace("/hub", "")
    assert '"random"' in message
    assert "by hand" in message


def test_imagenet_takes_the_file_of_the_hub_folder(
    network: torch.nn.Module, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    folder.mkdir(parents=True)
    as_torchvision(network.state_dict(), tmp_path).rename(folder / "densenet121-a639ec97.pth")
    backbone = TorchvisionBackbone(
        "densenet121", "imagenet", seed=Seed.of(0), input_size=32, precision="float32"
    )
    expected = reference(network, three_channels(images))
    np.testing.assert_allclose(backbone.features(images), expected, rtol=1e-4, atol=1e-5)


def test_a_download_is_kept_if_its_checksum_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(content))
    good = f"https://example.org/net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    assert imagenet_file(good).read_bytes() == content
    with pytest.raises(WeightsError, match="wrong checksum"):
        imagenet_file("https://example.org/net-00000000.pth")
    assert [path.name for path in imagenet_file(good).parent.iterdir()] == [good.split("/")[-1]]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        (torch.zeros(4, 3, 3, 3).to_sparse(), "sparse"),
        (torch.zeros(4, 3, 3, 3, device="meta"), "without values"),
        (torch.zeros(4, 3, 3, 3, dtype=torch.complex64), "complex64"),
        (torch.full((4, 3, 3, 3), torch.nan).to(torch.float8_e4m3fn), "finite"),
        (torch.full((4, 3, 3, 3), 1e300, dtype=torch.float64), "finite"),
        (torch.zeros(1).expand(2**40), "wrong shape"),
    ],
)
def test_tensors_that_no_layer_can_take(odd: torch.Tensor, words: str, tmp_path: Path) -> None:
    network = torch.nn.Sequential()
    network.add_module("conv1", torch.nn.Conv2d(3, 4, 3, bias=False))
    with pytest.raises(WeightsError, match=words):
        load_into(network, {"conv1.weight": odd}, ignored=("fc.",), path=tmp_path)
