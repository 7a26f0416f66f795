"""Whatever can add labelled images: GANs, classic augmentation, folders, callables."""
