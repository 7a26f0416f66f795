import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from augsearch.classifiers.network_inputs import row_by_row


class OnApplesGpu(Tensor):
    """Has to be fetched to the host before NumPy can read it, as on an MPS device."""

    def cpu(self) -> Tensor:
        return self.as_subclass(Tensor)

    def numpy(self) -> NDArray[np.float32]:
        raise TypeError("can't convert mps:0 device type tensor to numpy")


def test_outputs_are_fetched_from_any_device() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), dtype=np.uint8)

    def network(batch: Tensor) -> Tensor:
        return batch.float().mean(dim=(1, 2)).as_subclass(OnApplesGpu)

    found = row_by_row(images, network, batch=2, device="cpu")
    np.testing.assert_allclose(found, images.mean(axis=(1, 2)), rtol=1e-6)
