"""Frozen backbones: features of each image once, heads on them many at a time."""
