"""GAN training: networks, losses, differentiable augmentation, loop, checkpoints, snapshots."""
