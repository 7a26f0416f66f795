from augsearch.messages import hint, lines, names, show


def test_what_is_long_is_cut() -> None:
    word = "x" * 100_000
    for text in (names([word] * 30), lines([word] * 30), show(word), hint(word, ["y"])):
        assert len(text) < 13_000
    assert names(["a", "b", "c"], 2) == "'a', 'b' and 1 more"
    assert lines(["a", "b"], 1) == "\n  a\n  and 1 more"
