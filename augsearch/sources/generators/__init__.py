"""Training a GAN as a source: loop, checkpoints, snapshots, strategies and the pool."""
