import re
from dataclasses import replace

import numpy as np
import pytest

from augsearch.report.contents import Outputs
from augsearch.report.missing import not_shown
from augsearch.report.words.methods import methods
from augsearch.report.words.model_words import classifier_words, source_words
from augsearch.study.results import EarlierOpening, EndpointGain, Interval, RealEquivalence
from augsearch.study.schema.study import StudyFile

STUDY = {
    "name": "s",
    "images": {"size": 56, "channels": 3},
    "data": {"kind": "demo", "train": 24, "tune": 18, "test": 24},
    "split": {"method": "k-fold", "n_folds": 4, "test": 0.25},
    "sources": {
        "gan": {"kind": "acgan", "preset": "kong2022", "iterations": 1500},
        "unused": {"kind": "wgan"},
    },
    "classifier": {"weights": "random", "head": {"kind": "adam", "epochs": 60}},
    "arms": {
        "real": {},
        "more": {"search": {"source": "gan", "rule": "saturation", "added": [0, 500, 1000]}},
    },
    "evaluation": {"metric": "kappa", "replicates": 3, "test_replicates": 4},
}
PARTS = [
    *[("train 0", "healthy", 30, 10), ("train 0", "ill", 20, 9)],
    *[("tune 0", "healthy", 10, 5), ("tune 0", "ill", 7, 6), ("test", "healthy", 12, 3)],
    ("test", "ill", 9, 4),
]


def study(**changes):
    return StudyFile.model_validate(STUDY | changes)


@pytest.fixture
def written(make):
    def write(n_folds=1, **changes):
        given = {"study": study(), "parts": PARTS}
        return methods(make(n_folds=n_folds, **(given | changes)))

    return write


def test_every_number_of_the_data_is_there(written):
    text = written().paragraphs["Data"]
    assert (
        "Images of 2 classes (healthy, ill) were brought to 56 x 56 pixels (colour, 8 bit)" in text
    )
    assert "(25 %), was set aside; the rest was split into 4 folds" in text
    assert "no group of images is in two of them" in text
    assert "Training set of fold 0: 50 images (30 healthy, 20 ill)" in text
    assert "Test set: 21 images (12 healthy, 9 ill)" in text


def test_sources_and_classifiers_are_those_that_were_used(written):
    found = written()
    text = found.paragraphs["Added images"]
    assert (
        "settings kong2022 (Kong et al. 2022), changed in iterations 1,500 (in place of 30,000)"
        in text
    )
    assert "for 1,500 iterations in batches of 64" in text
    assert "unused" not in text
    text = found.paragraphs["Classifiers"]
    assert "frozen densenet121 (Huang et al. 2017) (random weights" in text
    assert "rate 0.0001 / (1 + 1.66667e-06 t) in step t, batches of 8 and 60 epochs" in text
    assert "arjovsky2017" not in found.bibtex
    assert {"odena2017", "huang2017", "kong2022", "delong1988"} <= set(
        re.findall(r"@\w+\{(\w+),", found.bibtex)
    )


def test_a_preset_as_it_is_says_no_change(written):
    sources = {"gan": {"kind": "acgan", "preset": "kong2022"}}
    text = written(study=study(sources=sources)).paragraphs["Added images"]
    assert "changed in" not in text
    assert "for 30,000 iterations" in text


def test_the_search_is_told_with_its_rule_and_trainings(written):
    text = written(n_folds=3).paragraphs["Choice of the amount"]
    assert "searched over 3 amounts from +0 images to +1,000 images by the rule saturation" in text
    assert "the kappa on the tuning set, the mean over 3 trainings in each of 3 folds" in text
    assert "Gaussian process" not in text


def test_a_search_of_a_single_amount_names_it_once(written, make):
    arms = make().result.arms
    short = {
        name: arm.model_copy(update={"history": arm.history[:1]}) for name, arm in arms.items()
    }
    text = written(result=make().result.model_copy(update={"arms": short})).paragraphs[
        "Choice of the amount"
    ]
    assert "searched over 1 amount, +0 images, by the rule saturation" in text


def test_the_statistics_are_those_of_the_verdict(written, make):
    text = written().paragraphs["Test"]
    assert "anew with fresh seeds, 4 times, and scored on 90 test images" in text
    assert "95 % interval has the paired DeLong variance (DeLong et al. 1988)" in text
    assert "Satterthwaite" in text
    one = Outputs(make().test.labels, {k: v[:1] for k, v in make().test.probabilities.items()})
    text = written(test=one).paragraphs["Test"]
    assert "fresh seeds, once, and" in text
    assert "speaks of these models only" in text
    assert "Satterthwaite" not in text


def test_a_verdict_without_an_interval_claims_none(written, make):
    result = make().result
    answer = result.verdict.model_copy(update={"low": None, "high": None, "note": "degenerate"})
    found = written(result=result.model_copy(update={"verdict": answer}))
    assert "No interval of the gain is given (degenerate)." in found.paragraphs["Test"]
    assert "delong1988" not in found.bibtex
    found = written(result=result.model_copy(update={"verdict": None}))
    assert "Test" not in found.paragraphs
    assert "delong1988" not in found.bibtex


def test_earlier_looks_at_the_test_set_are_told(written, make):
    before = EarlierOpening(run="first", opened_at="2026-01-01T00:00:00", arm=None, multiple=None)
    result = make().result.model_copy(update={"test_opened_before": [before]})
    assert (
        "opened before, by first: they were not untouched"
        in written(result=result).paragraphs["Test"]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "classic", "degrees": 5, "brightness": [0.7, 0.9]}, "rotations up to 5 degrees"),
        ({"kind": "classic", "brightness": [0.7, 0.9]}, "brightness times 0.7 to 0.9)"),
        ({"kind": "classic", "contrast": 0.1}, "contrast times 0.9 to 1.1)"),
        ({"kind": "repeat"}, "the real training images again"),
        ({"kind": "callable", "function": "a.b:c"}, "a.b:c (augsearch does not know from which"),
        (
            {"kind": "dcgan", "select": {"by": "discriminator", "best": 5, "of": 20}},
            "only those selected by discriminator were used (the best 5 of every 20)",
        ),
        ({"kind": "wgan", "snapshot": "last"}, "2 critic steps, gradient penalty 10 (Gulrajani"),
        ({"kind": "wgan", "preset": "cheng2021"}, "; 5 critic steps, weights clipped at 0.01; "),
        ({"kind": "acgan", "train_on": "real"}, "fitted to the chosen training set of arm real"),
    ],
)
def test_sources_in_words(options, words):
    from augsearch.report.words.references import cited

    source = study(sources={"x": options}).sources["x"]
    assert words in cited(source_words("x", source))


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ([(2000, 443)], "(threshold 0.8, which kept 443 of 2,000 made first)."),
        ([(9, 3), (9, 0)], "(threshold 0.8, which kept 3 of 9, 0 of 9 made first in the folds)."),
    ],
)
def test_a_selection_says_how_many_it_kept(written, kept, words):
    select = {"by": "confidence", "threshold": 0.8, "of": 2000}
    given = study(sources={"gan": {"kind": "wgan", "select": select}})
    text = written(study=given, selections={"gan": kept}).paragraphs["Added images"]
    assert words in text


def test_a_generator_says_which_of_its_states_was_used(written):
    judged = study(sources={"gan": {"kind": "acgan", "snapshot": "best"}})
    texts = [
        written(study=judged, snapshots=chosen).paragraphs["Added images"]
        for chosen in ({}, {"gan": [500]}, {"gan": [500, 1500]})
    ]
    assert all("best, or the last state where all had" in text for text in texts)
    assert "(used:" not in texts[0]
    assert "where all had (used: iteration 500)" in texts[1]
    assert "where all had (used: iteration 500, 1,500)" in texts[2]
    last = study(sources={"gan": {"kind": "acgan", "snapshot": "last"}})
    text = written(study=last, snapshots={"gan": [2000]}).paragraphs["Added images"]
    assert "the last state was used" in text and "2,000)" not in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "end-to-end", "preset": "fridadar2018"}, "fridadar2018 [@fridadar2018], all"),
        (
            {"kind": "end-to-end", "preset": "fridadar2018"},
            "own size, less the mean of the training images) with sgd, Nesterov momentum 0.9, "
            "learning rate 0.001, batches of 64, 150 epochs",
        ),
        (
            {"kind": "end-to-end", "network": "resnet18", "weight_decay": 1e-2},
            "learning rate 0.0001, weight decay 0.01, batches",
        ),
        (
            {"kind": "end-to-end", "network": "resnet18", "patience": 3, "epochs": 9},
            "at most 9 epochs, stopped after 3 without a smaller loss",
        ),
        (
            {"kind": "bag-of-words", "words": 50},
            "a bag of 50 visual words (patches of 11 x 11 pixels every 2, 10 principal "
            "components), of which 35 % were kept",
        ),
        ({"head": {"kind": "adam", "decay": 0}}, "with learning rate 0.0001, batches of 8"),
        ({"head": {"kind": "adam", "outputs": "sigmoid"}}, "a new last layer of sigmoid outputs,"),
        ({"kind": "discriminator", "source": "gan"}, "settings of source gan"),
        ({"head": {"kind": "logistic"}}, "logistic regression"),
    ],
)
def test_classifiers_in_words(options, words):
    assert words in classifier_words("x", study(classifier=options).classifier)


def test_what_is_missing_is_said(make):
    contents = make(study=study(), parts=PARTS)
    found = " ".join(not_shown(contents))
    for start in (
        "Nothing on another site",
        "No other split",
        "No exact numbers for classes with fewer than 10 test images: ill (9)",
        "No controls",
        "No audit of the generators",
        "No variety of the added images",
        "No map of the features",
        "No smoothed curve",
        "No set of amounts",
        "No variance between trainings of a generator: gan",
    ):
        assert start in found
    assert "No variance between trainings:" not in found
    assert "No protection of groups" not in found
    assert "No band" not in found


@pytest.mark.parametrize(
    ("size", "data", "looked"),
    [
        (24, STUDY["data"], True),
        (23, STUDY["data"], False),
        (56, {"kind": "digits", "classes": ["3", "5"]}, False),
    ],
)
def test_near_duplicates_that_were_not_looked_for_are_told(make, size, data, looked):
    given = study(images={"size": size}, data=data, split={"method": "hold-out"})
    found = " ".join(not_shown(make(study=given)))
    assert ("No near-duplicates between the sets, identical images apart" in found) != looked


def test_what_is_there_is_not_called_missing(make, likeness):
    plain = make()
    amounts = np.array([0.0, 500.0])
    contents = make(
        n_folds=3,
        external=plain.test,
        likeness=likeness,
        embeddings={"real": np.zeros((90, 2), dtype=np.float32)},
        confidence_sets={"more": amounts},
        smoothed={"more": object()},
        study=study(sources={"gan": {"kind": "repeat"}}),
    )
    assert not_shown(contents) == []


def test_a_single_training_is_called_one(make):
    one = Outputs(make().test.labels, {k: v[:1] for k, v in make().test.probabilities.items()})
    assert any(
        text.startswith("No variance between trainings: each") for text in not_shown(make(test=one))
    )


UNTESTED = {"train": 0.6, "tune": 0.4, "test": 0.0}


@pytest.fixture
def untested(make):
    """Changes of the contents of a study without a test set."""
    contents = make(study=study(split=UNTESTED))
    return {
        "study": contents.study,
        "result": contents.result.model_copy(update={"judged_on": "tuning"}),
        "test": Outputs(np.empty(0, dtype=np.int64), {}),
    }


def test_without_a_test_set_the_statistics_are_those_of_max_t(written, untested):
    found = written(**untested)
    assert "(60 % / 40 %), gave the parts" in found.paragraphs["Data"]
    assert "test set was opened" not in found.paragraphs["Choice of the amount"]
    assert "Test" not in found.paragraphs
    text = found.paragraphs["Verdict"]
    assert "on the tuning set, which chose the amount" in text
    assert "by max-T (Westfall and Young 1993) from 4,000 draws" in text
    assert "fresh seeds" not in text
    assert "satterthwaite1946" not in found.bibtex


def test_a_verdict_on_the_tuning_set_without_an_interval_claims_none(written, untested):
    result = untested["result"]
    answer = result.verdict.model_copy(update={"low": None, "high": None, "note": "degenerate"})
    result = result.model_copy(update={"verdict": answer})
    text = written(**(untested | {"result": result})).paragraphs["Verdict"]
    assert "No interval of the gain is given (degenerate)." in text
    assert "max-T" not in text


def test_what_a_study_without_a_test_set_cannot_show_is_said(make, untested):
    found = not_shown(make(**untested))
    assert any(text.startswith("No results on a test set, and so no ROC") for text in found)
    assert not any("no arm has a chosen amount" in text for text in found)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["kappa", "sensitivity@0.90"],
            "Secondary endpoints: kappa, sensitivity at specificity 0.90. The gain in each was "
            "compared by 2,000 draws of a paired bootstrap",
        ),
        (["brier"], "Secondary endpoint: Brier score."),
    ],
)
def test_endpoints_are_told_with_their_statistics(written, make, names, words):
    gain = EndpointGain(label="helps", value=0.1, low=0.05, high=0.15)
    result = make().result
    more = result.arms["more"].model_copy(update={"endpoints": dict.fromkeys(names, gain)})
    found = written(result=result.model_copy(update={"arms": result.arms | {"more": more}}))
    text = found.paragraphs["Test"]
    assert words in text
    assert ("without correction for their number" in text) == (len(names) > 1)
    assert "hesterberg2015" in found.bibtex
    assert "Secondary" not in written().paragraphs["Test"]


def test_how_the_interval_of_balanced_accuracy_is_widened_is_told_where_it_is_given(written, make):
    result = make().result
    more = result.arms["more"]
    tested = more.model_copy(update={"test": more.test | {"balanced_accuracy": more.test["auc"]}})
    found = written(result=result.model_copy(update={"arms": result.arms | {"more": tested}}))
    assert "widened (Zou and Donner 2008) by the Clopper-Pearson limit" in found.paragraphs["Test"]
    assert "zou2008" not in written().bibtex


def with_test_metric(result, metric):
    value = Interval(value=0.7, low=0.6, high=0.8)
    arms = {
        name: arm.model_copy(update={"test": arm.test | {metric: value}})
        for name, arm in result.arms.items()
    }
    return result.model_copy(update={"arms": arms})


def test_a_cut_off_that_test_images_chose_is_not_called_fixed(written, make):
    plain = written().paragraphs["Test"]
    assert "(Efron and Tibshirani 1993) (cut-off 0.5)." in plain
    result = with_test_metric(make().result, "sensitivity@0.90")
    text = written(result=result).paragraphs["Test"]
    assert "that of each training's own ROC curve of these images, chosen on them)." in text
    three = ("a", "b", "c")
    assert "cut-off" not in written(classes=three).paragraphs["Test"]


def test_what_a_gain_is_worth_is_told_with_its_curve(written, make):
    worth = RealEquivalence(text="worth", extra_images=3.0, low=1.0, high=5.0)
    result = make().result.model_copy(update={"real_equivalence": worth})
    found = written(n_folds=3, result=result)
    assert (
        "how many more the learning curve of arm real needs for it: an inverse power law (Figueroa "
        "et al. 2012) of the AUC on the tuning set, over 12 trainings on each of several shares of "
        "its real images, followed to 2 times their number"
    ) in found.paragraphs["Test"]
    assert "10.1186/1472-6947-12-8" in found.bibtex
    assert "learning curve" not in written().paragraphs["Test"]


@pytest.mark.parametrize(
    ("count", "folds", "said"),
    [
        (None, 1, None),
        (1, 1, "speaks of this one trained generator:"),
        (1, 4, "speaks of these trained generators:"),
        (3, 1, "were trained 2 times more with other seeds"),
    ],
)
def test_which_generators_the_answer_speaks_of_is_told(written, make, count, folds, said):
    contents = make()
    verdict = contents.result.verdict.model_copy(update={"generators": count})
    result = contents.result.model_copy(update={"verdict": verdict})
    found = written(n_folds=folds, result=result)
    text = found.paragraphs["Test"]
    assert ("generator" in text) == (said is not None)
    assert said is None or said in text
    assert ("weighted by their variances (Cochran and Cox 1957)" in text) == (count == 3)
    assert ("Satterthwaite's degrees of freedom" in text) == (count != 3)
    assert ("cochran1957" in found.bibtex) == (count == 3)
    missing = " ".join(not_shown(make(result=result, study=study())))
    assert ("gan was trained once per fold" in missing) == (count != 3)


def test_patients_with_several_images_are_counted(make, written):
    test = make().test
    patients = np.arange(len(test.labels)) // 2
    text = written(test=replace(test, patients=patients)).paragraphs["Test"]
    assert (
        f"({len(patients)} test images of {patients[-1] + 1} patients): in every interval" in text
    )
    for own in (None, np.arange(len(test.labels))):
        text = written(test=replace(test, patients=own)).paragraphs["Test"]
        assert "several images" not in text
