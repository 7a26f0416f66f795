"""The command line."""

from augsearch.cli.entry import app, main

__all__ = ["app", "main"]
