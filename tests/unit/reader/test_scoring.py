import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from augsearch.reader.answers import Answers
from augsearch.reader.key import Key
from augsearch.reader.scoring import assess, wilson
from augsearch.reader.wording import accuracy_header, accuracy_rows, agreement_rows, notes

CLASSES = ("cyst", "haemangioma", "metastasis")
ORIGINS = ("real", "synthetic")


def key_of(n=30):
    images = {
        f"{row:08x}": {"class": CLASSES[row % 3], "origin": ORIGINS[row % 5 == 0], "place": "x"}
        for row in range(n)
    }
    return Key.model_validate({"page": "0" * 12, "classes": list(CLASSES), "images": images})


def answers_of(reader, said):
    """A file of answers of {row: (class or None, origin or None)}."""
    answers = {
        f"{row:08x}": {
            name: word for name, word in (("class", one[0]), ("origin", one[1])) if word is not None
        }
        for row, one in said.items()
    }
    head = {"format": "augsearch reader answers", "version": 1, "page": "0" * 12}
    return Answers.model_validate(head | {"reader": reader, "answers": answers})


@st.composite
def readers(draw, n=30):
    """What one reader said about some of n images."""
    word = st.tuples(st.sampled_from([*CLASSES, None]), st.sampled_from([*ORIGINS, None]))
    return draw(st.dictionaries(st.integers(0, n - 1), word, max_size=n))


@settings(max_examples=60)
@given(readers(), readers())
def test_scores_are_those_of_plain_loops_and_known_libraries(first, second):
    key = key_of()
    truth = [(CLASSES[row % 3], ORIGINS[row % 5 == 0]) for row in range(30)]
    result = assess(key, [answers_of("a", first), answers_of("b", second)])
    for score, said in zip(result.readers, (first, second), strict=True):
        assert score.finished == sum(None not in one for one in said.values())
        for column, task in enumerate(("class", "origin")):
            for kind in ("all", *ORIGINS):
                hits = [
                    one[column] == truth[row][column]
                    for row, one in said.items()
                    if one[column] is not None and kind in ("all", truth[row][1])
                ]
                accuracy = score.accuracy[task][kind]
                assert (accuracy.right, accuracy.answered) == (sum(hits), len(hits))
                if not hits:
                    assert (accuracy.value, accuracy.low, accuracy.high) == (None, None, None)
                    continue
                assert accuracy.value == pytest.approx(np.mean(hits))
                expected = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
                assert (accuracy.low, accuracy.high) == pytest.approx(tuple(expected), abs=1e-12)
    for column, one in enumerate(result.agreement):
        both = [
            (first[row][column], second[row][column])
            for row in first.keys() & second.keys()
            if None not in (first[row][column], second[row][column])
        ]
        assert (one.task, one.images) == (("class", "origin")[column], len(both))
        if len({word for pair in both for word in pair}) < 2:
            assert (one.kappa, one.word) == (None, None)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert one.kappa == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))


def test_an_image_counts_once_however_many_readers_judged_it():
    key = key_of(20)
    said = {
        row: (CLASSES[row % 3] if row < 15 else CLASSES[(row + 1) % 3], "real") for row in range(20)
    }
    one = assess(key, [answers_of("a", said)])
    four = assess(key, [answers_of(name, said) for name in "abcd"])
    assert one.together is None
    alone, together = one.readers[0].accuracy["class"], four.together.accuracy["class"]
    for kind in ("all", "real", "synthetic"):
        assert together[kind].answered == 4 * alone[kind].answered
        assert together[kind].value == alone[kind].value
        assert together[kind].low == pytest.approx(alone[kind].low)
        assert together[kind].high == pytest.approx(alone[kind].high)
    assert together["all"].value == 0.75
    assert [(one.kappa, one.word) for one in four.agreement[:6]] == [(1.0, "almost perfect")] * 6
    assert [one.kappa for one in four.agreement[6:]] == [None] * 6  # all said "real"
    other = {row + 10: (CLASSES[0], "real") for row in range(10)}
    apart = dict.fromkeys(range(10), (CLASSES[0], "real"))
    result = assess(key, [answers_of("a", apart), answers_of("b", other)])
    accuracy = result.together.accuracy["class"]["all"]
    assert (accuracy.low, accuracy.high) == pytest.approx(wilson(7 / 20, 20))  # images differ


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_interval_covers_its_share_and_narrows(share):
    (low, high), (narrow_low, narrow_high) = wilson(share, 7.5), wilson(share, 75)
    assert 0 <= low <= narrow_low <= share <= narrow_high <= high <= 1
    assert not math.isnan(low)


def test_the_tables_say_it_in_words():
    said = {row: (CLASSES[row % 3], "real") for row in range(30)}
    key = key_of()
    result = assess(key, [answers_of("Anna", said), answers_of("[b]", {0: (CLASSES[1], None)})])
    header, rows = accuracy_header(result), accuracy_rows(result)
    assert header[3:] == ["all (30)", "real (24)", "synthetic (6)"]
    assert [row[:3] for row in rows] == [
        ["Anna", "class", "30/30"],
        ["Anna", "real/synthetic", "30/30"],
        ["[b]", "class", "1/30"],
        ["[b]", "real/synthetic", "0/30"],
        ["all 2 readers", "class", "31/60"],
        ["all 2 readers", "real/synthetic", "30/60"],
    ]
    assert rows[0][3] == "1.000 (0.886 to 1.000)"
    assert rows[1][3:] == [
        "0.800 (0.627 to 0.905)",
        "1.000 (0.862 to 1.000)",
        "0.000 (0.000 to 0.390)",
    ]
    assert rows[2][4:] == ["-", "0.000 (0.000 to 0.793)"]
    assert agreement_rows(result) == [
        ["Anna and [b]", "class", "1", "0.000", "slight"],
        ["Anna and [b]", "real/synthetic", "0", "-", "undefined: no image was judged by both"],
    ]
    assert notes(result)[0] == "[b] finished 0 of 30 images; only what was answered counts."
    assert len(notes(result)) == 3
    assert notes(assess(key, [answers_of("Anna", said)])) == [
        "Accuracy with 95 % Wilson intervals."
    ]
