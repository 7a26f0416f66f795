import pytest

from augsearch.report.sentences import verdict_sentence
from augsearch.study.results import VerdictResult


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
