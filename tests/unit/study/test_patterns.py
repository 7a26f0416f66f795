import time

import pytest

from augsearch.study.patterns import PatternError, compiled


def test_groups_and_matches() -> None:
    pattern = compiled(r"^([^_]+)_(\d+)")
    assert pattern.groups == 2
    match = pattern.search("päti_12.png")
    assert match is not None
    assert (match.group(1), match.group(2)) == ("päti", "12")
    assert pattern.search("12.png") is None


@pytest.mark.parametrize("text", ["a(", r"(a)\1", "(?=a)(b)", "(a{999}){999}", "(\udcff)"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(PatternError):
        compiled(text)


def test_no_pattern_takes_for_ever() -> None:
    """Python's own re would need some 2^250 steps."""
    started = time.monotonic()
    assert compiled("^(a+)+$").search("a" * 250 + "b") is None
    assert time.monotonic() - started < 5
