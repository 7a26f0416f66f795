"""Frozen backbones with cached features and batched heads."""
