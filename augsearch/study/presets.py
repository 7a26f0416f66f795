"""Published and recommended settings, as data. A key given in the study file wins over its preset.

Networks: `generator_filters` are the maps that enter each transposed convolution (stride 2), so the
first of them are those of the dense layer; `discriminator_filters` those that leave each
convolution (stride 2). What a paper leaves open is taken from Radford et al. 2016 (Adam with beta1
0.5, first weights N(0, 0.02^2), slope 0.2) and named as ours below.

ACGAN_PRESETS:
    kong2022: the ACGAN of Kong et al. 2022, the procedure that the study of that name repeats
        (56 x 56 x 3, binary cross-entropy losses, batch norm, dropout, 30,000 iterations).
    fridadar2018: Frid-Adar et al. 2018 (64 x 64 x 1). Theirs: learning rate 1e-4, 50 epochs. Ours:
        layers and latent space of their DCGAN, the label as an embedding of 50, dropout 0.5 in the
        discriminator (as Odena et al. 2017, appendix A), batch 64.
    roglin2022: Röglin et al. 2022 (64 x 64 x 1). Theirs: three transposed convolutions and an
        output layer, the label joined at the third, batch norm before the output, the four
        strategies. Ours: numbers of filters, 5 x 5 kernels, discriminator and training of kong2022.
    dhawan2024: Dhawan and Nijhawan 2024 (112 x 112 x 3). Theirs: embedding 50, dense layer
        7 x 7 x 1024, four transposed convolutions, RMSProp 1e-4, batch 32, 32,000 iterations. Ours:
        halving numbers of filters, 5 x 5 kernels, latent vectors of 100, discriminator of kong2022
        with one layer more.
    small-data: augsearch's own default for a few hundred images; hinge loss (Miyato et al. 2018),
        spectral norm (same), differentiable augmentation (Zhao et al. 2020), moving average of the
        generator (Yazici et al. 2019). The published recipe collapses to one image per class on
        100 images; this one does not.

DCGAN_PRESETS:
    fridadar2018: Frid-Adar et al. 2018 (64 x 64 x 1), one generator per class. Theirs: dense layer
        4 x 4 x 1024, four 5 x 5 transposed convolutions, batch norm on all layers but the output
        and the discriminator's first, z of 100 from U(-1, 1), Adam 2e-4 with beta1 0.5, 70 epochs,
        batch 64, a discriminator of four 5 x 5 convolutions. Ours: halving numbers of filters, and
        64 to 512 in the discriminator (Radford et al. 2016).
    small-data: as the ACGAN's, without classes.

WGAN_PRESETS:
    cheng2021: Cheng et al. 2021 (64 x 64 x 3). Theirs: dense layer 4 x 4 x 1024, four 5 x 5
        transposed convolutions, 1,400 epochs. From Arjovsky et al. 2017 (algorithm 1): weights
        clipped at 0.01, 5 critic steps, RMSProp 5e-5, batch 64. Ours: halving numbers of filters,
        the mirrored critic, z of 100 from N(0, 1), an epoch of as many updates of the generator as
        the images make batches.
    gulrajani2017: the same networks with the gradient penalty of Gulrajani et al. 2017 (algorithm
        1: factor 10, 5 critic steps, Adam 1e-4 with betas (0, 0.9), batch 64) and, as they advise,
        layer norm in place of batch norm in the critic. Ours: 40,000 iterations.
    small-data: the gradient penalty with what keeps small-data's ACGAN from collapsing, smaller
        networks and 2 critic steps.
"""

from typing import Any

_RADFORD_NETWORKS: dict[str, Any] = {
    "latent_dim": 100,
    "generator_filters": (1024, 512, 256, 128),
    "generator_kernel": 5,
    "generator_dense_norm": True,
    "discriminator_filters": (64, 128, 256, 512),
    "discriminator_kernel": 5,
}
_SMALL_NETWORKS: dict[str, Any] = {
    "latent_dim": 64,
    "generator_filters": (128, 64, 32),
    "generator_kernel": 4,
    "discriminator_filters": (32, 64, 128),
    "discriminator_kernel": 4,
}
_SPECTRAL_HINGE: dict[str, Any] = {
    "discriminator_norm": "spectral",
    "loss": "hinge",
    "generator_learning_rate": 2e-4,
    "discriminator_learning_rate": 4e-4,
    "betas": (0.0, 0.99),
}
_FEW_IMAGES: dict[str, Any] = {
    "batch_size": 32,
    "iterations": 2_000,
    "moving_average": 0.995,
    "augment": ("brightness", "contrast", "translation", "flip"),
}

ACGAN_PRESETS: dict[str, dict[str, Any]] = {
    "kong2022": {
        "latent_dim": 100,
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
    },
    "fridadar2018": {
        **_RADFORD_NETWORKS,
        "latent": "uniform",
        "embedding_dim": 50,
        "discriminator_norm": "batch",
        "dropout": 0.5,
        "loss": "cross-entropy",
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "betas": (0.5, 0.999),
        "batch_size": 64,
        "epochs": 50,
    },
    "roglin2022": {
        "latent_dim": 100,
        "embedding_dim": 50,
        "label_layer": 3,
        "generator_filters": (256, 128, 64, 32),
        "generator_kernel": 5,
        "generator_output": "convolution",
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
    },
    "dhawan2024": {
        "latent_dim": 100,
        "embedding_dim": 50,
        "generator_filters": (1024, 512, 256, 128),
        "generator_kernel": 5,
        "discriminator_filters": (32, 64, 128, 256, 512),
        "discriminator_kernel": 3,
        "discriminator_norm": "batch",
        "dropout": 0.5,
        "loss": "cross-entropy",
        "optimizer": "rmsprop",
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "batch_size": 32,
        "iterations": 32_000,
        "snapshot_every": 4_000,
    },
    "small-data": {
        **_SMALL_NETWORKS,
        "embedding_dim": 50,
        **_SPECTRAL_HINGE,
        **_FEW_IMAGES,
        "balanced_batches": True,
        "snapshot": "best",
    },
}

DCGAN_PRESETS: dict[str, dict[str, Any]] = {
    "fridadar2018": {
        **_RADFORD_NETWORKS,
        "latent": "uniform",
        "discriminator_norm": "batch",
        "loss": "cross-entropy",
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "betas": (0.5, 0.999),
        "batch_size": 64,
        "epochs": 70,
    },
    "small-data": {
        **_SMALL_NETWORKS,
        **_SPECTRAL_HINGE,
        **_FEW_IMAGES,
        "snapshot": "best",
    },
}

WGAN_PRESETS: dict[str, dict[str, Any]] = {
    "cheng2021": {
        **_RADFORD_NETWORKS,
        "discriminator_norm": "batch",
        "optimizer": "rmsprop",
        "generator_learning_rate": 5e-5,
        "discriminator_learning_rate": 5e-5,
        "critic_steps": 5,
        "weight_clip": 0.01,
        "batch_size": 64,
        "epochs": 1_400,
    },
    "gulrajani2017": {
        **_RADFORD_NETWORKS,
        "discriminator_norm": "layer",
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "betas": (0.0, 0.9),
        "critic_steps": 5,
        "gradient_penalty": 10.0,
        "batch_size": 64,
        "iterations": 40_000,
        "snapshot_every": 4_000,
    },
    "small-data": {
        **_SMALL_NETWORKS,
        "discriminator_norm": "layer",
        "generator_learning_rate": 4e-4,
        "discriminator_learning_rate": 8e-4,
        "betas": (0.0, 0.9),
        "critic_steps": 2,
        "gradient_penalty": 10.0,
        **_FEW_IMAGES,
    },
}

CLASSIFIER_PRESETS: dict[str, dict[str, Any]] = {
    "fridadar2018": {
        "network": "fridadar2018",
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "momentum": 0.9,
        "batch_size": 64,
        "epochs": 150,
        "normalise": "mean-image",
    },
    "roglin2022": {
        "network": "roglin2022",
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "batch_size": 32,
        "epochs": 100,
    },
    "cheng2021": {
        "network": "resnet101",
        "weights": "imagenet",
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "batch_size": 64,
        "epochs": 40,
    },
    "dhawan2024": {
        "network": "efficientnet_v2_s",
        "weights": "imagenet",
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "batch_size": 32,
        "epochs": 100,
        "patience": 10,
    },
}
"""Of kind "end-to-end":

fridadar2018: Frid-Adar et al. 2018, section 2.2. Theirs: the network, Nesterov momentum with 1e-3,
    batch 64, 150 epochs, the mean of the training images subtracted. Ours: momentum 0.9.
roglin2022: Röglin et al. 2022. Theirs: the network; batch size and learning rate are tuned over 18
    settings, which is for [tune]. Ours: Adam, and the values to start from.
cheng2021: Cheng et al. 2021. Theirs: ResNet-101 (and DenseNet-121, by ``network = "densenet121"``),
    batch 64, 1e-4, 40 epochs. Ours: Adam, start from ImageNet.
dhawan2024: Dhawan and Nijhawan 2024. Theirs: EfficientNetV2, early stopping. Ours: its smallest
    size, start from ImageNet, Adam 1e-4, batch 32, patience of 10 epochs.
"""
