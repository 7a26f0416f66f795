"""Whatever a file holds: it is used, or refused with a message, and nothing else happens."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from hostile import weights
from hostile.arena import RAN, Arena, Case
from hostile.kinds import KINDS

EXAMPLES = {"DICOM file": 2}
"""Each of these starts a decoder of its own; of the other kinds, five."""
FILES = [name for name, kind in KINDS.items() if not kind.of_run]


@pytest.mark.parametrize("name", FILES)
def test_it_is_used_or_refused(name: str, arena: Arena) -> None:
    kind = KINDS[name]

    @settings(
        max_examples=EXAMPLES.get(name, 5), suppress_health_check=list(HealthCheck), database=None
    )
    @given(kind.strategy(None, bulk=False))
    def check(case: Case) -> None:
        outcome = arena.judge(case, kind.act)
        assert outcome.good, outcome

    check()


def test_every_pickle_and_archive_is_refused_or_holds_weights(arena: Arena) -> None:
    for content in (*weights.pickles(), *weights.keras_files()):
        for suffix in (".pt", ".h5"):
            outcome = arena.judge(Case({f"w{suffix}": content}), KINDS["weights"].act)
            assert outcome.good, (content[:80], outcome)


@pytest.mark.parametrize(
    ("harm", "verdict"),
    [
        (lambda folder: (folder.parent / "outside" / "new").write_text("x"), "written outside"),
        (lambda folder: (folder.parent / "outside" / "file.txt").unlink(), "written outside"),
        (lambda folder: (folder.parent / "beside").mkdir(), "written outside"),
        (lambda folder: (folder / "link").write_text("x"), "written outside"),
        (lambda folder: (folder / RAN).touch(), "code run"),
        (lambda folder: __import__("os").system("true"), "code run"),
        (lambda folder: __import__("pickle").loads(b"cbuiltins\nlen\n."), "code run"),
        (lambda folder: {}["x"], "traceback"),
        (lambda folder: sys.exit(2), "refused"),
        (lambda folder: (folder / "new").write_text("x"), "accepted"),
    ],
)
def test_the_judge_sees_harm(harm, verdict: str, arena: Arena) -> None:
    """Were the judge blind, everything above would pass."""
    case = Case({"file": b""}, {"link": "@OUTSIDE@/file.txt"})
    assert arena.judge(case, harm).verdict == verdict
    for name in ("outside/new", "beside"):
        path = arena.root / name
        if path.exists():
            path.rmdir() if path.is_dir() else path.unlink()
    (arena.root / "outside" / "file.txt").write_text("untouched")
