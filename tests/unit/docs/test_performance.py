import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "docs" / "performance.py"
MACHINE = {
    "processor": "Some CPU",
    "cores": 2,
    "gpu": None,
    "versions": {"torch": "2.15.0"},
    "date": "2026-11-21",
}
HEADS = {
    "what": "a head step",
    "augsearch": 4.125,
    "other": 1628.4,
    "against": "a plain loop",
    "ratio": 394.8,
    "unit": "µs",
}
CHECK = {"what": "augsearch check", "augsearch": 2.5, "unit": "s", "note": "600 images"}


@pytest.fixture(scope="module")
def performance() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("performance", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["performance"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["performance"]


def _write(folder: Path, name: str, date: str, **sections: dict[str, Any]) -> None:
    results = {"machine": MACHINE | {"date": date}, **sections}
    (folder / f"{name}-{date}.json").write_text(json.dumps(results))


def test_rows_are_the_headlines_in_the_order_of_the_sections(
    performance: ModuleType, tmp_path: Path
) -> None:
    _write(
        tmp_path,
        "cpu",
        "2026-11-21",
        startup={"headline": [CHECK]},
        gan={"iterations": 7},  # nothing for the table
        heads={"headline": [HEADS]},
    )
    assert performance.as_markdown(performance.measured(tmp_path)).splitlines() == [
        "Some CPU, 2 cores; torch 2.15.0; 2026-11-21:",
        "",
        "| what | augsearch | other | times better |",
        "| --- | --- | --- | --- |",
        "| a head step | 4.12 µs | 1,628 µs, a plain loop | 395 |",
        "| augsearch check (600 images) | 2.5 s |  |  |",
    ]


def test_every_machine_gives_the_newest_of_each_section(
    performance: ModuleType, tmp_path: Path
) -> None:
    _write(
        tmp_path,
        "cpu",
        "2026-11-20",
        heads={"headline": [HEADS]},
        startup={"headline": [CHECK]},
    )
    _write(tmp_path, "cpu", "2026-11-21", heads={"headline": [HEADS | {"augsearch": 3.0}]})
    _write(tmp_path, "gpu", "2026-11-19", heads={"headline": [HEADS | {"augsearch": 0.1}]})
    _write(tmp_path, "other", "2026-11-19")
    text = performance.as_markdown(performance.measured(tmp_path))
    steps = [line for line in text.splitlines() if line.startswith("| a head step")]
    assert [line.split(" | ")[1] for line in steps] == ["3 µs", "0.1 µs"]
    assert text.count("augsearch check") == 1
    assert text.count("torch") == 2


def test_the_table_replaces_what_stands_between_the_markers(performance: ModuleType) -> None:
    text = "before\n<!-- performance -->\nold\n<!-- /performance -->\nafter\n"
    once = performance.with_table(text, "new")
    assert once == "before\n<!-- performance -->\nnew\n<!-- /performance -->\nafter\n"
    assert performance.with_table(once, "new") == once
    assert "new" not in performance.with_table(once, "")


def test_a_text_without_markers_is_refused(performance: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"README.md must hold <!-- performance -->"):
        performance.with_table("<!-- /performance --> <!-- performance -->", "new")


def test_the_readme_has_the_markers(performance: ModuleType) -> None:
    readme = (SCRIPT.parents[1] / "README.md").read_text(encoding="utf-8")
    assert performance.with_table(readme, "new") != readme


def test_a_bar_does_not_end_a_cell(performance: ModuleType) -> None:
    one = performance.Measured(MACHINE, {"heads": [HEADS | {"what": "a | b"}]})
    assert "| a \\| b | 4.12 µs |" in performance.as_markdown([one])
