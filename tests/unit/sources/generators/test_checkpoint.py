from pathlib import Path

import pytest
import torch

from augsearch.errors import StorageError
from augsearch.sources.generators.checkpoint import (
    all_finite,
    read_tensors,
    restore,
    training_state,
    write_tensors,
)


def _training(seed: int) -> tuple[dict[str, torch.nn.Module], dict[str, torch.optim.Optimizer]]:
    rng = torch.Generator().manual_seed(seed)
    network = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=rng)
    adam = torch.optim.Adam([network.weight], 0.1, fused=True)
    rms = torch.optim.RMSprop([network.bias], 0.1)
    return {"network": network}, {"adam": adam, "rms": rms}


def _step(
    modules: dict[str, torch.nn.Module], optimizers: dict[str, torch.optim.Optimizer]
) -> None:
    for optimizer in optimizers.values():
        optimizer.zero_grad()
    modules["network"](torch.ones(2, 3, 5, 5)).square().sum().backward()
    for optimizer in optimizers.values():
        optimizer.step()


def test_a_restored_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    first = _training(0)
    _step(*first)
    _step(*first)
    write_tensors(tmp_path / "c.safetensors", training_state(*first), {"iteration": 2})
    second = _training(1)
    assert restore(tmp_path / "c.safetensors", *second) == {"iteration": 2}
    _step(*first)
    _step(*second)
    one, other = training_state(*first), training_state(*second)
    assert one.keys() == other.keys()
    assert any("exp_avg_sq" in key for key in one) and any("square_avg" in key for key in one)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_what_was_read_keeps_no_file_mapped(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_tensors(path, {"a": torch.ones(2)}, {"iteration": 2})
    kept = read_tensors(path)
    assert str(path) not in Path("/proc/self/maps").read_text()
    assert torch.equal(kept[0]["a"], torch.ones(2))


def test_any_changed_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    tensors = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3, dtype=torch.int64)}
    write_tensors(path, tensors, {"iteration": 2})
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(StorageError, match=r"c\.safetensors is damaged .*delete it"):
                read_tensors(path)
    path.write_bytes(whole)
    assert read_tensors(path)[0]["b"] == 3


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_damage_names_the_file_and_the_remedy(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "c.safetensors"
    write_tensors(path, training_state(*_training(0)), {"iteration": 2})
    path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
    with pytest.raises(StorageError, match=r"c\.safetensors is damaged .*delete it"):
        restore(path, *_training(0))


def test_other_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_tensors(path, training_state(*_training(0)), {"iteration": 2})
    other = torch.nn.Conv2d(3, 5, 3)
    with pytest.raises(StorageError, match="does not fit"):
        restore(path, {"network": other}, {})


def test_a_failed_write_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.safetensors"
    write_tensors(path, {"a": torch.ones(2)}, {"iteration": 1})

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="No space left"):
        write_tensors(path, {"a": torch.zeros(2)}, {"iteration": 2})
    assert read_tensors(path)[1] == {"iteration": 1}


def test_all_finite() -> None:
    whole = {"a": torch.ones(2), "n": torch.tensor(3)}
    assert all_finite(whole)
    assert not all_finite(whole | {"b": torch.tensor([1.0, float("nan")])})
    assert not all_finite(whole | {"b": torch.tensor([1.0, float("-inf")])})
