"""Whatever a kill leaves of the outbox, a run that says everything again completes it."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.tracking.outbox import Outbox, Point, PointsLogged

names = st.lists(st.integers(0, 30), max_size=8)


@settings(max_examples=60)
@given(st.lists(st.tuples(names, st.floats(0, 1)), min_size=1, max_size=6))
def test_killed_and_repeated_appends_give_every_entry_once(
    sessions: list[tuple[list[int], float]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.jsonl"
        said: set[str] = set()
        times: dict[str, int] = {}
        for numbers, kept in sessions:
            box = Outbox.open(path, "http://localhost", "study")
            start = len(path.read_bytes())
            for number in numbers:
                point = Point("run", "score", number, number / 7)
                box.append([(f"trial:{number}", PointsLogged((point,)))])
            said |= {f"trial:{number}" for number in numbers}
            whole = path.read_bytes()
            path.write_bytes(whole[: start + round(kept * (len(whole) - start))])
            left = {entry.id: entry.time_ms for entry in Outbox(path).entries}
            assert times.items() <= left.items()
            times = left
        box = Outbox.open(path, "http://localhost", "study")
        for name in sorted(said):
            number = int(name.partition(":")[2])
            box.append([(name, PointsLogged((Point("run", "score", number, number / 7),)))])
        entries = Outbox(path).entries
        assert sorted(entry.id for entry in entries) == sorted(said)
        assert {e.id: e.time_ms for e in entries}.items() >= times.items()
