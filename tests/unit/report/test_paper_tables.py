import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from augsearch.evaluation.inference.delong import delong_test
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.report.contents import Outputs
from augsearch.report.paper_tables import paper_tables
from augsearch.report.tables import write_paper_tables
from augsearch.study.schema.arms import Arm
from augsearch.study.schema.report import TableOptions

THREE = ("cyst", "metastasis", "hemangioma")


def table(make, *args, classes=("healthy", "ill"), n_folds=1, changes=None, **options):
    given = TableOptions(title="the table", **options)
    contents = make(classes, n_folds, **(changes or {}), tables={"paper": given})
    return contents, paper_tables(contents)


def rows(found, folder, matrices=None, classes=()):
    write_paper_tables(found, matrices or {}, classes, folder)
    text = (folder / "paper.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def test_means_are_those_of_scikit_learn(make, tmp_path):
    metrics = ("accuracy", "sensitivity", "specificity", "f1", "ppv", "auc", "kappa")
    contents, found = table(make, metrics=metrics, value="mean-sd")
    labels = contents.test.labels
    for row in rows(found, tmp_path):
        runs = contents.test.probabilities[row["arm"]][..., 1]
        for metric, score in {
            "accuracy": accuracy_score,
            "sensitivity": recall_score,
            "specificity": lambda true, said: recall_score(true, said, pos_label=0),
            "f1": f1_score,
            "ppv": precision_score,
            "kappa": cohen_kappa_score,
        }.items():
            every = [score(labels, run >= 0.5) for run in runs]
            assert float(row[metric]) == pytest.approx(np.mean(every))
            assert float(row[f"{metric}_sd"]) == pytest.approx(np.std(every, ddof=1))
        every = [roc_auc_score(labels, run) for run in runs]
        assert float(row["auc"]) == pytest.approx(np.mean(every))


def test_rows_say_what_each_arm_trained_on(make, tmp_path):
    _, found = table(make, metrics=("accuracy",))
    [real, more] = rows(found, tmp_path)
    assert (real["arm"], real["amount"], real["unit"], real["n_train"]) == (
        *("real", "1.0", "multiple"),
        "60",
    )
    assert (more["amount"], more["unit"], more["n_train"]) == ("500.0", "added", "560")
    assert found[0].rows[1].heads == ("more", "+500 images", "560")
    assert found[0].title == "the table"


def test_a_row_per_arm_and_class_on_pooled_folds(make, tmp_path):
    contents, found = table(
        make,
        classes=THREE,
        n_folds=3,
        images="tuning",
        metrics=("accuracy",),
        class_metrics=("sensitivity", "f1"),
    )
    given = rows(found, tmp_path)
    assert [row["class"] for row in given] == ["all", *THREE] * 2
    folds = contents.tuning["more"][1].folds
    true = np.concatenate([one.labels for one in folds])
    said = np.concatenate([one.probabilities.argmax(axis=-1) for one in folds], axis=1)
    expected = np.mean([recall_score(true, one, average=None) for one in said], axis=0)
    assert [float(row["sensitivity"]) for row in given[5:]] == pytest.approx(expected)
    expected = np.mean([f1_score(true, one, average=None) for one in said], axis=0)
    assert [float(row["f1"]) for row in given[5:]] == pytest.approx(expected)
    assert float(given[4]["accuracy"]) == pytest.approx(np.mean(said == true))
    assert (given[4]["sensitivity"], given[5]["accuracy"]) == ("", "")
    assert [row.is_first for row in found[0].rows] == [True, False, False, False] * 2


@pytest.mark.parametrize("nested", [False, True])
def test_intervals_are_those_of_the_usual_table(make, tmp_path, nested):
    plain = make().test
    behind = {"patients": np.arange(90) // 3, "generators": {"more": np.array([0, 1, 0, 1])}}
    test = replace(plain, **behind) if nested else plain
    contents, found = table(make, metrics=("f1", "auc"), value="interval", changes={"test": test})
    row = rows(found, tmp_path)[1]
    for metric in ("f1", "auc"):
        seed = contents.seed.child("interval", "test", metric)
        values = contents.test.probabilities["more"]
        expected = metric_interval(
            metric,
            contents.test.labels,
            values,
            0.95,
            seed,
            test.generators.get("more"),
            test.patients,
        )
        given = [float(row[key]) for key in (metric, f"{metric}_low", f"{metric}_high")]
        assert given == pytest.approx(expected)


def test_the_first_training_alone(make, tmp_path):
    contents, found = table(make, metrics=("accuracy",), value="first")
    run = contents.test.probabilities["more"][0, :, 1]
    expected = accuracy_score(contents.test.labels, run >= 0.5)
    assert float(rows(found, tmp_path)[1]["accuracy"]) == pytest.approx(expected)
    assert "the first training of each arm alone, of 4" in found[0].caption[0]


def test_words_stand_beside_kappas(make, tmp_path):
    _, found = table(make, classes=THREE, metrics=("kappa", "accuracy"), words=True)
    row = rows(found, tmp_path)[1]
    assert 0.2 < float(row["kappa"]) <= 0.6
    assert row["kappa_words"] in ("fair", "moderate")
    text = found[0].rows[1].values[0].text
    assert text == f"{float(row['kappa']):.3f} ({row['kappa_words']})"
    assert "accuracy_words" not in row


def test_delong_compares_first_trainings_with_the_baseline(make, tmp_path):
    contents, found = table(make, metrics=("auc",), delong=True)
    [real, more] = rows(found, tmp_path)
    runs = [contents.test.probabilities[arm][0, :, 1] for arm in ("real", "more")]
    expected = delong_test(contents.test.labels, *runs).p_value
    assert float(more["delong_p"]) == pytest.approx(expected)
    assert real["delong_p"] == ""
    [sentence] = [one for one in found[0].caption if "DeLong" in one]
    assert "the paper's test between two single models" in sentence
    assert sentence.endswith("see the verdict for the answer.")


def test_training_sets_against_classifiers(make, tmp_path):
    labels = np.arange(30) % 2
    random = np.random.default_rng(0)
    arms = ("net-real", "net-more", "other-real", "other-more")
    trained = {
        arm: Arm(base=None if kind == "real" else f"{net}-real", classifier=net)
        for arm in arms
        for net, kind in [arm.split("-")]
    }
    values = {arm: random.dirichlet([1, 1], (2, 30)) for arm in arms}
    plain = make()
    result = plain.result.model_copy(
        update={"arms": {arm: plain.result.arms[arm[-4:]] for arm in arms}, "baseline": arms[0]}
    )
    changes = {
        "result": result,
        "study": plain.study.model_copy(update={"arms": trained}),
        "test": Outputs(labels, values),
    }
    _, found = table(make, metrics=("accuracy",), by_classifier=True, changes=changes)
    assert found[0].groups == (("net", 1), ("other", 1))
    # Equal words: both rest on real images, and so all four arms have the same training set.
    given = rows(found, tmp_path)
    assert [row["training_set"] for row in given] == ["real images"] * 2
    for row, kind in zip(given, ("real", "more"), strict=True):
        for net in ("net", "other"):
            expected = np.mean(values[f"{net}-{kind}"].argmax(axis=-1) == labels)
            assert float(row[f"{net}.accuracy"]) == pytest.approx(expected)


def test_the_best_of_the_settings_stands_beside_the_honest_value(make, tmp_path):
    contents, found = table(
        make, classes=THREE, images="tuning", metrics=("kappa",), best_setting=True
    )
    [real, more] = rows(found, tmp_path)
    every = [
        [cohen_kappa_score(one.labels, run.argmax(axis=-1)) for run in one.probabilities]
        for [one] in contents.tuned["more"].outputs
    ]
    assert float(more["best.kappa"]) == pytest.approx(np.mean(np.max(every, axis=0)))
    test = contents.test.probabilities["more"].argmax(axis=-1)
    expected = np.mean([cohen_kappa_score(contents.test.labels, one) for one in test])
    assert float(more["test.kappa"]) == pytest.approx(expected)
    assert real["best.kappa"] == ""
    caption = " ".join(found[0].caption)
    assert "scored on the images that chose it: too high" in caption
    assert "of 4 settings" in caption


@pytest.mark.parametrize(
    ("classes", "n_folds", "options", "said"),
    [
        (
            ("healthy", "ill"),
            1,
            {},
            ("Test set, 90 images; mean over 4 trainings per arm.", "ill; cut-off 0.5."),
        ),
        (
            THREE,
            3,
            {"images": "tuning", "value": "mean-sd"},
            (
                "Tuning set, pooled over 3 folds, 90 images; mean ± standard deviation over 3 "
                "trainings per arm, each a model per fold.",
                "likeliest class",
                "The amount of a searched arm and the setting of an arm's classifier were chosen "
                "on these very images: values are too high.",
            ),
        ),
    ],
)
def test_captions_say_which_images_and_how_many_trainings(make, classes, n_folds, options, said):
    _, [found] = table(make, classes=classes, n_folds=n_folds, metrics=("accuracy",), **options)
    for words in said:
        assert words in " ".join(found.caption)


def test_a_caption_says_what_is_a_mean_over_more_than_two_classes(make):
    metrics = ("accuracy", "ppv", "sensitivity", "f1")
    _, [found] = table(make, classes=THREE, metrics=metrics)
    words = "Means over the classes, each against the rest: sensitivity, F1, PPV. The PPV of a"
    assert words in " ".join(found.caption)
    for classes, other in ((THREE, ("accuracy", "kappa")), (("healthy", "ill"), metrics)):
        _, [found] = table(make, classes=classes, metrics=other)
        assert "over the classes" not in " ".join(found.caption)


def test_a_caption_names_a_cut_off_that_the_tables_own_images_chose(make):
    _, [found] = table(make, metrics=("accuracy", "sensitivity@0.80"))
    words = "cut-off 0.5, but for sensitivity at a specificity that of each training's own ROC"
    assert words in " ".join(found.caption)


def test_an_undefined_value_is_a_dash_and_an_empty_field(make, tmp_path):
    labels = np.arange(10) % 2
    never = np.tile([0.9, 0.1], (2, 10, 1))
    changes = {"test": Outputs(labels, {"real": never})}
    _, found = table(make, metrics=("ppv", "accuracy"), value="mean-sd", changes=changes)
    [row] = rows(found, tmp_path)
    assert (row["ppv"], row["ppv_sd"], row["accuracy"]) == ("", "", "0.5")
    assert [value.text for value in found[0].rows[0].values] == ["-", "0.500\xa0±\xa00.000"]


def test_arms_are_shown_in_the_order_asked_for(make):
    _, [found] = table(make, metrics=("accuracy",), arms=("more", "real"))
    assert [row.heads[0] for row in found.rows] == ["more", "real"]


def test_a_table_of_nothing_is_left_out(make):
    assert table(make, metrics=("accuracy",), images="external")[1] == []


def test_confusion_matrices_as_csv(make, tmp_path):
    _, found = table(make, metrics=("accuracy",), confusion=True)
    counts = np.array([[3.5, 1.5], [0.0, 5.0]])
    rows(found, tmp_path, {"paper": {"real": counts}}, ("healthy", "ill"))
    text = (tmp_path / "confusion" / "paper.csv").read_text(encoding="utf-8")
    given = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["count"]) for row in given] == counts.ravel().tolist()
    assert (given[1]["true_class"], given[1]["decided_class"]) == ("healthy", "ill")
