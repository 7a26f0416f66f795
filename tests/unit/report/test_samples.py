import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from augsearch.evaluation import confusion
from augsearch.report.contents import Sample
from augsearch.report.samples import (
    best_settings,
    confusion_of,
    first,
    pooled,
    sample_of,
    table_confusions,
)
from augsearch.study.schema.report import TableOptions


def test_pooling_puts_every_replicates_folds_together(make):
    contents = make(("a", "b", "c"), n_folds=3)
    folds = contents.tuning["more"][1].folds
    sample = sample_of(contents, TableOptions(title="t", images="tuning"), "more")
    assert len(sample.labels) == 24 + 30 + 36
    for run, score in enumerate(sample.scores("kappa")):
        true = np.concatenate([one.labels for one in folds])
        decided = np.concatenate([one.probabilities[run].argmax(axis=1) for one in folds])
        assert score == pytest.approx(cohen_kappa_score(true, decided))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_class_against_the_rest_has_the_metrics_of_its_class(make, n_classes):
    contents = make([f"c{c}" for c in range(n_classes)])
    sample = Sample(contents.test.labels, contents.test.probabilities["more"])
    counts = np.stack([confusion_of(first_of(sample, run)) for run in range(4)])
    for metric in ("sensitivity", "specificity", "f1", "ppv", "npv", "kappa"):
        of_classes = getattr(confusion, metric)(confusion.one_against_the_rest(counts))
        for c in range(n_classes):
            found = sample.against_the_rest(metric, c).scores(metric)
            assert found == pytest.approx(of_classes[:, c])


def first_of(sample, run):
    return Sample(sample.labels, sample.probabilities[run : run + 1])


def test_each_run_takes_its_own_best_setting(make):
    contents = make(("a", "b", "c"), n_folds=2)
    chosen = best_settings(contents, "more").scores("kappa")
    every = np.array([pooled(one).scores("kappa") for one in contents.tuned["more"].outputs])
    assert chosen == pytest.approx(every.max(axis=0))
    assert len(set(every.argmax(axis=0))) > 1
    assert best_settings(contents, "real") is None


def test_table_confusions_are_means_or_those_of_the_first_training(make):
    contents = make(("a", "b", "c"))
    values = contents.test.probabilities["real"].argmax(axis=-1)
    every = [confusion_matrix(contents.test.labels, one) for one in values]
    mean = table_confusions(contents, TableOptions(title="t", confusion=True))
    assert mean["real"] == pytest.approx(np.mean(every, axis=0))
    alone = table_confusions(contents, TableOptions(title="t", confusion=True, value="first"))
    assert np.array_equal(alone["real"], every[0])
    assert table_confusions(contents, TableOptions(title="t")) == {}


def test_first_is_the_first_training(make):
    sample = Sample(make().test.labels, make().test.probabilities["more"])
    assert np.array_equal(first(sample).probabilities[0], sample.probabilities[0])
    assert len(first(sample).probabilities) == 1
