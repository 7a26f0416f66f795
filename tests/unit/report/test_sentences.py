import pytest

from augsearch.report.sentences import verdict_sentence
from augsearch.study.results import ControlGain, EarlierOpening, RealEquivalence, VerdictResult


@pytest.mark.parametrize(
    ("label", "gain", "low", "high", "expected"),
    [
        ("helps", 0.1, 0.05, 0.15, "Helps: arm 'more' at +500 images is better"),
        ("harms", -0.1, -0.15, -0.05, "Harms: arm 'more' at +500 images is worse"),
        ("no evidence", 0.1, -0.1, 0.3, "No evidence that arm 'more' at +500 images is"),
        (
            "no evidence",
            0.0,
            0.0,
            0.0,
            "No evidence that adding images helps: arm 'more' chose +500 images",
        ),
    ],
)
def test_the_verdict_counts_amounts_in_the_arms_unit(make, label, gain, low, high, expected):
    answer = VerdictResult(arm="more", label=label, gain=gain, low=low, high=high, note="")
    result = make().result.model_copy(update={"verdict": answer})
    assert verdict_sentence(result, 0.95).startswith(expected)


def test_the_verdict_says_what_is_left_over_the_best_control(make):
    control = ControlGain(arm="more: classic control", gain=0.012, low=-0.004, high=0.028)
    answer = VerdictResult(
        arm="more", label="helps", gain=0.1, low=0.05, high=0.15, note="only so", control=control
    )
    worth = RealEquivalence(text="They are worth much.", extra_images=9, low=1, high=None)
    result = make().result.model_copy(update={"verdict": answer, "real_equivalence": worth})
    assert verdict_sentence(result, 0.95).endswith(
        " Against the best control (classic) +0.012 (-0.004 to +0.028). They are worth much. "
        "Note: only so."
    )


@pytest.mark.parametrize("label", ["none", "same"])
def test_an_earlier_look_at_the_test_images_is_told_without_a_gain_too(make, label):
    same = VerdictResult(arm="more", label="no evidence", gain=0, low=0, high=0)
    openings = [
        EarlierOpening(run=name, opened_at="2026-01-31T12:00:00", arm="more", multiple=2)
        for name in ("a", "b")
    ]
    verdict = same if label == "same" else None
    update = {"verdict": verdict, "test_opened_before": openings}
    sentence = verdict_sentence(make().result.model_copy(update=update), 0.95)
    assert "Note: the test images were opened before, by runs 'a', 'b' (first on 2026" in sentence
