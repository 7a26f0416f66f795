import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.errors import SourceError
from augsearch.evaluation.metrics import get_metric
from augsearch.execution.experts import RealExpert, judge
from augsearch.seeds import Seed
from augsearch.testing.images import toy_images

SEED = Seed.of(0)


def test_a_judge_trains_on_the_given_images_alone(make_fold, classifier, read):
    tune = make_fold().tune
    synthetic = toy_images((5, 3), size=4)
    score = judge(synthetic, tune, classifier, get_metric("auc"), SEED)
    (only,) = classifier.sets
    pixels, labels = read.images(only)
    assert np.array_equal(pixels, synthetic.pixels)
    assert np.array_equal(labels, synthetic.labels)
    probabilities = classifier.fit([only])[0].predict_proba(tune.block)
    assert score == pytest.approx(roc_auc_score(tune.labels, probabilities[tune.rows, 1]))


def test_an_expert_knows_the_real_training_images_and_no_tuning_image(make_fold, classifier, read):
    fold = make_fold()
    expert = RealExpert(classifier, fold.train, 2, SEED)
    assert classifier.sets == []  # trained when it is asked
    images = toy_images((3, 2), size=4).pixels
    found = expert.predict_proba(images)
    expert.predict_proba(images)
    (only,) = classifier.sets
    assert np.array_equal(read.images(only)[0], fold.train.block.pixels[fold.train.rows])
    assert only.tune is None
    assert found.shape == (5, 2)


def test_an_expert_without_features_says_so(make_fold, classifier):
    expert = RealExpert(classifier, make_fold().train, 2, SEED)
    with pytest.raises(SourceError, match="distance"):
        expert.embedding(toy_images((3, 2), size=4).pixels)


def test_a_judge_gives_its_largest_score_to_the_best(make_fold, classifier):
    tune, synthetic = make_fold().tune, toy_images((5, 3), size=4)
    brier = get_metric("brier")
    score = judge(synthetic, tune, classifier, brier, SEED)
    [fitted] = classifier.fit(classifier.sets[-1:])
    assert score == pytest.approx(-brier(tune.labels, fitted.predict_portion(tune)))
    assert score < 0
