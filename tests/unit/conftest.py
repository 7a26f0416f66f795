import pytest


@pytest.fixture
def like_apples_gpu(monkeypatch):
    """Refuse float64 of any tensor that was not fetched to the host, as an MPS device does."""
    import torch

    cpu, double, fetched = torch.Tensor.cpu, torch.Tensor.double, []

    def fetch(tensor):
        fetched.append(cpu(tensor))
        return fetched[-1]

    def widen(tensor):
        if all(tensor is not one for one in fetched):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return double(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", fetch)
    monkeypatch.setattr(torch.Tensor, "double", widen)


@pytest.fixture
def flips():
    """Yield bytes with each of their bits changed in turn."""

    def changed(content):
        for place in range(len(content)):
            for bit in range(8):
                damaged = bytearray(content)
                damaged[place] ^= 1 << bit
                yield bytes(damaged)

    return changed
