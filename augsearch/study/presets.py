"""Published and recommended settings, as data. A key given in the study file wins over its preset.

Sources:
    kong2022: the ACGAN of Kong et al. 2022, the procedure that the study of that name repeats
        (56 x 56 x 3, binary cross-entropy losses, batch norm, dropout, 30,000 iterations).
    small-data: augsearch's own default for a few hundred images; hinge loss (Miyato et al. 2018),
        spectral norm (same), differentiable augmentation (Zhao et al. 2020), moving average of the
        generator (Yazici et al. 2019). The published recipe collapses to one image per class on
        100 images; this one does not.
"""

from typing import Any

ACGAN_PRESETS: dict[str, dict[str, Any]] = {
    "kong2022": {
        "latent_dim": 100,
        "latent_sd": 1.0,
        "embedding_dim": 50,
        "generator_filters": (384, 192, 96),
        "generator_kernel": 5,
        "discriminator_filters": (32, 64, 128, 256),
        "discriminator_kernel": 3,
        "discriminator_norm": "batch",
        "dropout": 0.5,
        "loss": "cross-entropy",
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "betas": (0.5, 0.999),
        "batch_size": 64,
        "iterations": 30_000,
        "moving_average": 0.0,
        "augment": (),
        "balanced_batches": False,
        "snapshot": "last",
    },
    "small-data": {
        "latent_dim": 64,
        "latent_sd": 1.0,
        "embedding_dim": 50,
        "generator_filters": (128, 64, 32),
        "generator_kernel": 4,
        "discriminator_filters": (32, 64, 128),
        "discriminator_kernel": 4,
        "discriminator_norm": "spectral",
        "dropout": 0.0,
        "loss": "hinge",
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 4e-4,
        "betas": (0.0, 0.99),
        "batch_size": 32,
        "iterations": 2_000,
        "moving_average": 0.995,
        "augment": ("brightness", "contrast", "translation", "flip"),
        "balanced_batches": True,
        "snapshot": "best",
    },
}
