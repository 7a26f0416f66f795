"""What benchmarks/fuzz.py does with thousands of cases, with a few."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def arena(tmp_path_factory):
    """Give the one place of this process where cases are judged."""
    from hostile.arena import Arena

    folder, temporary = Path.cwd(), tempfile.tempdir
    made = Arena(tmp_path_factory.mktemp("arena"))
    tempfile.tempdir = temporary  # `_back` sets it for the tests here, and for them alone
    yield made
    os.chdir(folder)


@pytest.fixture(autouse=True)
def _back(arena, monkeypatch):
    """Cases are judged in their own folder, other tests are not; nor are their temporary files."""
    monkeypatch.chdir(Path.cwd())
    monkeypatch.setattr(tempfile, "tempdir", str(arena.root / "tmp"))
