"""What benchmarks/fuzz.py does with thousands of cases, with a few."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def arena(tmp_path_factory):
    """Give the one place of this process where cases are judged."""
    from hostile.arena import Arena

    before = Path.cwd()
    yield Arena(tmp_path_factory.mktemp("arena"))
    os.chdir(before)


@pytest.fixture(autouse=True)
def _back(arena, monkeypatch):
    """Cases are judged in their own folder, other tests are not; nor are their temporary files."""
    import tempfile

    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(tempfile, "tempdir", str(arena.root / "tmp"))
