import contextlib
from collections.abc import Iterator

import pytest
import torch

from augsearch.device import has_bf16, has_triton, pick_precision, torch_as_new
from augsearch.errors import AugsearchError


def capable(monkeypatch: pytest.MonkeyPatch, **flags: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"bf16": True, "neon": True}, False),  # what ARM gains by it was not measured
    ],
)
def test_auto_follows_the_processor(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], found: bool
) -> None:
    capable(monkeypatch, **flags)
    assert has_bf16("cpu") is found
    assert pick_precision("auto", "cpu") == ("bf16" if found else "float32")
    assert pick_precision("float32", "cpu") == "float32"


def test_bf16_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    capable(monkeypatch, avx512_f=True)
    with pytest.raises(AugsearchError, match=r"'cpu' here has no bf16.*set precision = \"auto\""):
        pick_precision("bf16", "cpu")


def test_a_torch_that_does_not_say_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert pick_precision("auto", "cpu") == "float32"


def test_a_gpu_is_asked_for_what_it_does_in_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def supported(including_emulation: bool = True) -> bool:
        asked.append(including_emulation)
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert pick_precision("auto", "cuda") == "float32"
    assert asked == [False]
    assert pick_precision("auto", "mps") == "float32"


def test_triton_takes_a_gpu_and_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    assert not has_triton("cpu")
    assert not has_triton("mps")
    monkeypatch.setattr("augsearch.device.shutil.which", lambda name: None)
    assert not has_triton("cuda")


@contextlib.contextmanager
def as_a_notebook_may_have_it() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            yield
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


def settings() -> tuple[object, ...]:
    made = torch.ones(1, requires_grad=True) if torch.is_grad_enabled() else torch.ones(1)
    product = made.reshape(1, 1) @ made.reshape(1, 1)
    return made.dtype, made.device.type, product.dtype, product.requires_grad


def test_torch_computes_as_new_whatever_the_caller_has_set_and_gets_that_back() -> None:
    new = settings()
    assert new == (torch.float32, "cpu", torch.float32, True)
    with as_a_notebook_may_have_it():
        theirs = settings()
        with torch_as_new():
            assert settings() == new
        assert settings() == theirs == (torch.float64, "meta", theirs[2], False)
    with torch_as_new():
        assert settings() == new
