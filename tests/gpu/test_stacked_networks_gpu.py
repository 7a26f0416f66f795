import importlib
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of ways that torch has no fast kernel for
@pytest.mark.parametrize(
    ("device", "absent"),
    [
        ("cpu", {"captured", "streams", "grouped graph"}),
        pytest.param("cuda", {"processes"}, marks=GPU),
    ],
)
def test_every_way_to_train_several_networks_works(
    device: str, absent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    stacked = importlib.import_module("stacked_networks")
    monkeypatch.setattr(stacked, "SIZE", 16)
    monkeypatch.setattr(stacked, "_in_processes", lambda *settings: 1.0)  # take seconds to start
    found = next(stacked.stacked_networks(1, 1, device, [("fridadar2018", 4)]))
    assert found["ms"].keys() == {*stacked.WAYS} - absent
    assert min(found["ms"].values()) > 0
