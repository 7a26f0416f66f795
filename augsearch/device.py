"""Which device the networks run on."""

from augsearch.errors import AugsearchError


def pick_device(name: str) -> str:
    """Return the torch device for the study's `device` setting.

    Args:
        name: "auto" (CUDA, then Apple MPS, then CPU), "cuda", "mps" or "cpu".

    Raises:
        AugsearchError: The named device is not on this machine.
    """
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, here in present.items() if here)
    if not present[name]:
        here = ", ".join(device for device, ok in present.items() if ok)
        raise AugsearchError(
            f"device must be one this machine has ({here}) but got {name!r}; "
            'set device = "auto" to take the best one.'
        )
    return name
