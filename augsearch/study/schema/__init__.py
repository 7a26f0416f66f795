"""The study file as frozen models: every key, its type, its range and its default."""
