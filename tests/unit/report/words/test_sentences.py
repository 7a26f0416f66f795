import pytest

from augsearch.evaluation.inference.verdict import NOTHING_TO_GAIN
from augsearch.report.words.sentences import endpoint_sentences, scope_sentence, verdict_sentence
from augsearch.study.results import (
    ControlGain,
    EarlierOpening,
    EndpointGain,
    Interval,
    RealEquivalence,
    VerdictResult,
)


@pytest.mark.parametrize(
    ("label", "gain", "low", "high", "expected"),
    [
        ("helps", 0.1, 0.05, 0.15, "Helps: arm 'more' at +500 images is better"),
        ("harms", -0.1, -0.15, -0.05, "Harms: arm 'more' at +500 images is worse"),
        ("no evidence", 0.1, -0.1, 0.3, "No evidence that arm 'more' at +500 images is"),
        ("no evidence", 0.0, 0.0, 0.0, "No evidence that arm 'more' at +500 images is"),
    ],
)
def test_the_verdict_counts_amounts_in_the_arms_unit(make, label, gain, low, high, expected):
    answer = VerdictResult(arm="more", label=label, gain=gain, low=low, high=high, note="")
    result = make().result.model_copy(update={"verdict": answer})
    assert verdict_sentence(result, 0.95).startswith(expected)


def test_the_verdict_says_what_is_left_over_the_best_control(make):
    control = ControlGain(arm="more (classic control)", gain=0.012, low=-0.004, high=0.028)
    answer = VerdictResult(
        arm="more", label="helps", gain=0.1, low=0.05, high=0.15, note="only so", control=control
    )
    worth = RealEquivalence(text="They are worth much.", extra_images=9, low=1, high=None)
    result = make().result.model_copy(update={"verdict": answer, "real_equivalence": worth})
    assert verdict_sentence(result, 0.95).endswith(
        " Against the best control (classic) +0.012 (-0.004 to +0.028). They are worth much. "
        "Note: only so."
    )


NOTHING = VerdictResult(
    arm="more", label="no evidence", gain=0, low=0, high=0, note=f"of gan; {NOTHING_TO_GAIN.note}"
)


def adding_nothing(result):
    """Return the result if the search had chosen the baseline's own training set."""
    own = {"multiple": 0, "n_train": result.arms[result.baseline].n_train}
    arms = result.arms | {"more": result.arms["more"].model_copy(update=own)}
    return result.model_copy(update={"verdict": NOTHING, "arms": arms})


@pytest.mark.parametrize("label", ["none", "same"])
def test_an_earlier_look_at_the_test_images_is_told_without_a_gain_too(make, label):
    openings = [
        EarlierOpening(run=name, opened_at="2026-01-31T12:00:00", arm="more", multiple=2)
        for name in ("a", "b")
    ]
    result = make().result
    result = (
        adding_nothing(result) if label == "same" else result.model_copy(update={"verdict": None})
    )
    result = result.model_copy(update={"test_opened_before": openings})
    sentence = verdict_sentence(result, 0.95)
    assert "Note: the test images were opened before, by runs 'a', 'b' (first on 2026" in sentence


def gain(label, value, low, high, note=""):
    return EndpointGain(label=label, value=value, low=low, high=high, note=note)


@pytest.fixture
def with_endpoints(make):
    """Give endpoints -> the result whose declared arm has gains in them."""

    def changed(**endpoints):
        result = make().result
        names = {"sensitivity_at_0_90": "sensitivity@0.90"}
        gains = {names.get(name, name): one for name, one in endpoints.items()}
        more = result.arms["more"].model_copy(update={"endpoints": gains})
        return result.model_copy(update={"arms": result.arms | {"more": more}})

    return changed


def test_every_endpoint_has_a_sentence_and_all_are_called_secondary(with_endpoints):
    result = with_endpoints(
        kappa=gain("helps", 0.1, 0.02, 0.18),
        sensitivity_at_0_90=gain("no evidence", 0.1, -0.1, 0.3),
        brier=gain("harms", -0.05, -0.09, -0.01),
    )
    assert endpoint_sentences(result, 0.9) == [
        "In kappa: arm 'more' helps (gain +0.100, 90% interval +0.020 to +0.180).",
        "In sensitivity at specificity 0.90: no evidence that arm 'more' is better "
        "(gain +0.100, 90% interval -0.100 to +0.300).",
        "In Brier score (smaller is better): arm 'more' harms "
        "(gain -0.050, 90% interval -0.090 to -0.010).",
        "These endpoints are secondary: 3 were looked at without correction for it, and the "
        "verdict is the one in the AUC.",
    ]


def test_an_endpoint_without_an_interval_says_why(with_endpoints):
    result = with_endpoints(ppv=gain("no evidence", None, None, None, "it is undefined"))
    assert endpoint_sentences(result, 0.95) == [
        "In PPV: no evidence that arm 'more' is better (no gain, no interval: it is undefined).",
        "This endpoint is secondary: the verdict is the one in the AUC.",
    ]


def test_without_endpoints_or_a_verdict_nothing_is_said_of_them(make, with_endpoints):
    assert endpoint_sentences(make().result, 0.95) == []
    result = with_endpoints(kappa=gain("helps", 0.1, 0.02, 0.18))
    assert endpoint_sentences(result.model_copy(update={"verdict": None}), 0.95) == []


def test_where_nothing_was_added_nothing_is_said_of_endpoints(with_endpoints):
    result = adding_nothing(with_endpoints(kappa=gain("no evidence", 0.0, 0.0, 0.0)))
    assert verdict_sentence(result, 0.95) == (
        "No evidence that adding more images helps: arm 'more' chose +0 images, the training set "
        "of arm 'real' itself."
    )
    assert endpoint_sentences(result, 0.95) == []


def test_other_images_that_score_the_same_are_not_called_the_baselines(with_endpoints):
    result = with_endpoints(kappa=gain("no evidence", 0.1, -0.1, 0.3))
    same_size = adding_nothing(result)
    alike = NOTHING.model_copy(update={"note": "of gan"})
    result = same_size.model_copy(update={"verdict": alike})
    said = verdict_sentence(result, 0.95)
    assert said.startswith("No evidence that arm 'more' at ")
    assert "itself" not in said
    assert len(endpoint_sentences(result, 0.95)) == 2


@pytest.mark.parametrize(("low", "told"), [(0.027, True), (-0.001, False), (None, False)])
@pytest.mark.parametrize("nothing", [True, False])
def test_a_balanced_baseline_that_is_worse_than_the_real_images_is_told(make, low, told, nothing):
    result = make().result
    if nothing:
        result = adding_nothing(result)
    else:
        answer = result.verdict.model_copy(update={"label": "no evidence", "low": -0.1})
        result = result.model_copy(update={"verdict": answer})
    base = result.arms["real"]
    gain = Interval(value=0.082, low=low, high=None if low is None else 0.137)
    plain = base.model_copy(update={"n_train": base.n_train - 20, "gain": gain})
    result = result.model_copy(update={"arms": result.arms | {"plain": plain}})
    said = verdict_sentence(result, 0.95)
    assert ("use arm 'real'" in said) is not (told or nothing)
    assert (
        f"With fewer images, {base.n_train - 20}, arm 'plain' is better than arm 'real', of "
        f"{base.n_train}: test AUC +0.082 (+0.027 to +0.137), 95% interval, without" in said
    ) is told
    larger = {"plain": plain.model_copy(update={"n_train": base.n_train + 1})}
    result = result.model_copy(update={"arms": result.arms | larger})
    assert "With fewer images" not in verdict_sentence(result, 0.95)


@pytest.mark.parametrize(("level", "words"), [(0.975, "97.5%"), (0.999, "99.9%"), (0.9, "90%")])
def test_the_level_of_an_interval_is_not_rounded(make, with_endpoints, level, words):
    assert f", {words} interval" in verdict_sentence(make().result, level)
    result = with_endpoints(kappa=gain("helps", 0.1, 0.02, 0.18))
    assert f", {words} interval" in endpoint_sentences(result, level)[0]


def test_a_verdict_from_the_tuning_set_says_so(make):
    result = make().result.model_copy(update={"judged_on": "tuning"})
    assert "(tuning AUC +0.100 against arm 'real', 95% interval" in verdict_sentence(result, 0.95)
    answer = result.verdict.model_copy(update={"low": None, "high": None})
    result = result.model_copy(update={"verdict": answer})
    assert "(tuning AUC +0.100 against arm 'real', no interval)" in verdict_sentence(result, 0.95)


@pytest.mark.parametrize("count", [None, 1, 3])
def test_a_verdict_whose_note_names_its_generators_needs_no_second_sentence(make, count):
    result = make().result
    verdict = result.verdict.model_copy(update={"generators": count})
    result = result.model_copy(update={"verdict": verdict})
    sentence = scope_sentence(result, ["gan"], 2)
    words = "What is said of images of gan speaks of the generator trained in this run, not"
    assert (words in sentence) == (count is None)
    assert "2 folds that share images" in sentence
    assert scope_sentence(result, [], 1) == ""
