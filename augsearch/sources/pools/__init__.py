"""Pools: numbered images of a source, made or kept on disk."""
