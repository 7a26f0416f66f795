from dataclasses import replace

import numpy as np
import pytest

from augsearch.evaluation.inference.delong import auc_covariance, auc_influence
from augsearch.report.contents import Outputs, Smoothed
from augsearch.report.words.methods import methods
from augsearch.report.words.search_words import score_caption, search_caption
from augsearch.study.results import HistoryEntry
from augsearch.study.schema.arms import HalvingSearch, SweepSearch, TpeSearch, WindowSearch
from augsearch.study.schema.study import StudyFile

HALVING = HalvingSearch(source="gan", rule="halving")
SEARCHES = {
    "window": WindowSearch(source="gan"),
    "sweep": SweepSearch(source="gan", rule="sweep", multiples=(1, 2)),
    "halving": HALVING,
    "tpe": TpeSearch(source="gan", rule="tpe"),
}
CURVE = Smoothed(np.array([1.0, 2.0, 8.0]), np.array([0.7, 0.75, 0.72]), np.full(3, 0.02), 1)
AGAIN = [
    HistoryEntry(multiple=multiple, score=0.7, scores=[0.7] * times)
    for multiple, times in ((1, 1), (2, 4), (8, 2))
]


@pytest.fixture
def searched(make):
    """Give the options of arm "more", its history, reason and more -> contents."""

    def contents(search, history=AGAIN, reason="all_rounds", **changes):
        result = make().result
        own = {"history": history, "unit": "multiple", "multiple": 2.0, "reason": reason}
        arms = result.arms | {"more": result.arms["more"].model_copy(update=own)}
        given = {"result": result.model_copy(update={"arms": arms}), "searches": {"more": search}}
        return make(**(given | {"metric": "auc"} | changes))

    return contents


@pytest.mark.parametrize("rule", SEARCHES)
def test_a_score_is_called_what_it_is(searched, rule):
    text = score_caption(searched(SEARCHES[rule]))
    optimistic = "The tuning score of arm more is the best of many and therefore optimistic."
    smoothed = "is the mean of the smoothed curve, which the choice hardly flatters."
    assert (optimistic in text) == (rule in ("window", "sweep"))
    assert (smoothed in text) == (rule in ("halving", "tpe"))
    assert "chosen on the tuning set and declared before the test set was opened." in text


def test_saturation_takes_the_smallest_of_the_best(make):
    text = score_caption(make())
    assert "of arm more lies within the tolerance of the best of many and is optimistic" in text


def test_arms_of_one_kind_share_a_sentence(searched, make):
    contents = searched(HALVING)
    real = make().result.arms["more"]
    arms = contents.result.arms | {"first": real, "second": real}
    contents = make(
        result=contents.result.model_copy(update={"arms": arms}),
        searches={"more": HALVING, "first": SEARCHES["sweep"], "second": SEARCHES["window"]},
    )
    text = score_caption(contents)
    assert "of each of arms first and second is the best of many" in text
    assert "of arm more is the mean" in text


def test_nothing_is_said_of_choices_that_were_not_made(searched, make):
    assert score_caption(make(searches={})) == ""
    one = searched(SEARCHES["sweep"], AGAIN[:1])
    assert "many" not in score_caption(one)
    untested = searched(HALVING, test=Outputs(*[[], {}]))
    assert "test set" not in score_caption(untested)


@pytest.mark.parametrize(
    ("sd", "words"),
    [(0.02, "0.750 ± 0.020"), (0.00025, "0.7500 ± 0.0003"), (0.000096, "0.75000 ± 0.00010")],
)
def test_no_deviation_of_a_smoothed_curve_is_rounded_to_nothing(searched, sd, words):
    curve = replace(CURVE, sd=np.full(len(CURVE.mean), sd))
    text = search_caption(searched(HALVING, smoothed={"more": curve}), "more")
    assert f"AUC {words} (posterior" in text


def test_rounds_are_trainings_and_the_last_amount_need_not_be_the_largest(searched):
    text = search_caption(searched(HALVING, smoothed={"more": CURVE}), "more")
    assert "; 3 amounts, K = 1 to K = 8, in 7 trainings; rule: successive halving up to 60," in text
    assert "ended: all rounds were done." in text
    assert "the curve is best at K = 2, which is the choice: AUC 0.750 ± 0.020 (posterior" in text
    window = searched(SEARCHES["window"], smoothed={"more": CURVE}, reason="window")
    text = search_caption(window, "more")
    assert "ended: no gain within the window." in text
    assert "the curve is best at K = 2: AUC 0.750" in text
    text = search_caption(searched(SEARCHES["sweep"], AGAIN[:1], reason="own"), "more")
    assert "1 amount, K = 1, in 1 training;" in text
    assert text.endswith("ended: own.")


def test_a_curve_in_auc_says_how_far_other_images_could_move_it(make):
    contents = make(metric="auc")
    chosen = contents.tuning["more"][1].folds[0]
    covariance = auc_covariance(chosen.labels, chosen.probabilities)[1]
    expected = np.sqrt(covariance.mean())
    words = f"the AUC of 24 tuning images has a standard error of {expected:.3f} at the chosen"
    assert words in search_caption(contents, "more")
    folds = make(metric="auc", n_folds=2)
    first, chosen, last = folds.tuning["more"]
    errors = [auc_covariance(one.labels, one.probabilities)[1].mean() for one in chosen.folds]
    words = f"of 54 tuning images has a standard error of {np.sqrt(sum(errors)) / 2:.3f}"
    assert words in search_caption(folds, "more")
    patients = [np.arange(24) // 4, np.arange(30)]
    known = [replace(one, patients=own) for one, own in zip(chosen.folds, patients, strict=True)]
    influence = [
        auc_influence(one.labels, one.probabilities, one.patients)[1].mean(axis=0) for one in known
    ]
    words = f"a standard error of {np.sqrt(sum(one @ one for one in influence)) / 2:.3f}"
    tuning = {"more": [first, replace(chosen, folds=known), last]}
    assert words in search_caption(replace(folds, tuning=tuning), "more")
    assert "Over images" not in search_caption(make(metric="kappa"), "more")
    assert "Over images" not in search_caption(make(metric="auc", tuning={}), "more")


def test_the_amounts_that_cannot_be_told_from_the_best_are_named(searched):
    contents = searched(HALVING, confidence_sets={"more": (1.0, 2.5)})
    words = "The tuning images cannot tell K = 1, 2.5 from the best (95 % confidence set)."
    assert words in search_caption(contents, "more")
    assert "confidence set" not in search_caption(searched(HALVING), "more")


def test_methods_say_what_chose(searched):
    study = {
        "name": "s",
        "data": {"kind": "demo", "train": 24, "tune": 18, "test": 24},
        "sources": {"gan": {"kind": "repeat"}},
        "evaluation": {"replicates": 1},
    }
    for search, words in (
        (HALVING, "The amount with the best posterior mean of a Gaussian process over the log"),
        (SEARCHES["sweep"], "Its scores were also smoothed by a Gaussian process over the log"),
    ):
        arms = {"real": {}, "more": {"search": search.model_dump(exclude_none=True)}}
        given = StudyFile.model_validate(study | {"arms": arms})
        contents = searched(search, smoothed={"more": CURVE}, study=given)
        text = methods(contents).paragraphs["Choice of the amount"]
        assert "the mean over 1 training, up to 4 in all where the rule asked again." in text
        assert words in text
