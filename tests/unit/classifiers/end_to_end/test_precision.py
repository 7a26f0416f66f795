import pytest
import torch
from torch import nn

import augsearch.classifiers.end_to_end.classifier as classifier_module
import augsearch.device as device_module
from augsearch.classifiers.end_to_end.precision import computing_in, training_precision
from augsearch.errors import AugsearchError
from augsearch.study.schema.classifier import EndToEndOptions

PLAIN = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
GROUPED = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4))


@pytest.fixture(params=[True, False], ids=["bf16", "no bf16"])
def hardware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(device_module, "has_bf16", lambda device: request.param)
    return request.param


def test_auto_goes_by_device_and_network(hardware: bool) -> None:
    found = [training_precision("auto", one, "cpu") for one in (PLAIN, GROUPED)]
    assert found == ["bf16" if hardware else "float32", "float32"]
    assert training_precision("auto", GROUPED, "cuda") == ("bf16" if hardware else "float32")
    assert training_precision("float32", PLAIN, "cpu") == "float32"


def test_bf16_on_request_takes_hardware(hardware: bool) -> None:
    if hardware:
        assert training_precision("bf16", GROUPED, "cpu") == "bf16"
        return
    options = EndToEndOptions(kind="end-to-end", network="resnet18", precision="bf16")
    with pytest.raises(AugsearchError, match="precision must be one that the device has"):
        classifier_module.EndToEnd(options)


@pytest.mark.parametrize(
    ("precision", "expected"), [("bf16", torch.bfloat16), ("float32", torch.float32)]
)
def test_layers_compute_in_it_and_weights_stay(precision: str, expected: torch.dtype) -> None:
    with computing_in(precision, "cpu"):
        assert PLAIN(torch.ones(2, 4, 5, 5)).dtype == expected
    assert PLAIN(torch.ones(2, 4, 5, 5)).dtype == torch.float32
    assert {weights.dtype for weights in PLAIN.parameters()} == {torch.float32}
