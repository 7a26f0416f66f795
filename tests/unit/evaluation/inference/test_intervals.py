import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit
from sklearn.metrics import f1_score, roc_auc_score

from augsearch.errors import AugsearchError
from augsearch.evaluation import resampling
from augsearch.evaluation.inference import intervals
from augsearch.evaluation.inference.intervals import metric_interval
from augsearch.evaluation.metrics import Metric, get_metric
from augsearch.evaluation.resampling import bootstrap_scores
from augsearch.seeds import Seed

SEED = Seed.of(0, "bootstrap")
Floats = NDArray[np.float64]


def _task(
    n: int, replicates: int, separation: float = 1.5, seed: int = 0, luck: float = 0.0
) -> tuple[NDArray[np.int64], Floats]:
    generator = Seed.of(seed).generator()
    labels = np.arange(n) % 2
    shift = separation + luck * generator.normal(size=(replicates, 1))
    scores = shift * (labels - 0.5) + generator.normal(size=(replicates, n))
    positive = 1 / (1 + np.exp(-scores))
    return labels, np.stack([1 - positive, positive], axis=-1)


@pytest.mark.parametrize("name", ["auc", "accuracy", "f1", "kappa", "ppv"])
def test_value_is_the_mean_over_replicates_within_its_interval(name: str) -> None:
    labels, given = _task(120, 4)
    value, low, high = metric_interval(name, labels, given, 0.95, SEED)
    assert value == pytest.approx(np.mean([get_metric(name)(labels, p) for p in given]))
    assert 0 < low < value < high < 1


def test_auc_interval_in_plain_numbers() -> None:
    labels, given = _task(60, 3)
    value, low, high = metric_interval("auc", labels, given, 0.9, SEED)
    aucs = [roc_auc_score(labels, p[:, 1]) for p in given]
    scores = given[..., 1]
    wins = (scores[:, labels == 1, None] > scores[:, None, labels == 0]).mean(axis=0)
    v_image = (wins.mean(axis=1).var(ddof=1) + wins.mean(axis=0).var(ddof=1)) / 30
    v_run = np.var(aucs, ddof=1) / 3
    freedom = (v_image + v_run) ** 2 / (v_run**2 / 2 + v_image**2 / 29)  # 30 images in a class
    centre, step = math.log(value / (1 - value)), math.sqrt(v_image + v_run)
    ends = stats.t.interval(0.9, freedom, centre, step / (value * (1 - value)))
    assert value == pytest.approx(np.mean(aucs))
    assert (low, high) == pytest.approx(tuple(1 / (1 + np.exp(-np.array(ends)))))


def test_auc_interval_holds_the_true_auc_near_one() -> None:
    truth = stats.norm.cdf(2.5 / math.sqrt(2))
    inside = 0
    for seed in range(500):
        labels, given = _task(60, 1, separation=2.5, seed=seed)
        _, low, high = metric_interval("auc", labels, given, 0.95, SEED)
        inside += low < truth < high
    assert inside / 500 > 0.93


def test_bootstrap_agrees_with_scipy() -> None:
    labels, given = _task(40, 1)
    decided = given[0, :, 1] >= 0.5
    positives, negatives = decided[labels == 1], decided[labels == 0]

    def f1(hits: Floats, alarms: Floats, axis: int) -> Floats:
        true, false = hits.sum(axis=axis), alarms.sum(axis=axis)
        return np.asarray(2 * true / (true + false + hits.shape[axis]))

    expected = stats.bootstrap(
        (positives, negatives),
        f1,
        vectorized=True,
        method="percentile",
        confidence_level=2 * stats.norm.cdf(stats.t.ppf(0.975, 19)) - 1,  # 20 images in a class
        n_resamples=4000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    value, low, high = metric_interval("f1", labels, given, 0.95, SEED)
    assert value == pytest.approx(f1_score(labels, decided))
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.02)


@pytest.mark.parametrize(("name", "trainings"), [("kappa", 1), ("f1", 5)])
def test_intervals_hold_the_truth_although_a_class_has_three_images(
    name: str, trainings: int
) -> None:
    # Percentiles as they are held it in 78 and 88 of 100 of these.
    labels = np.repeat([1, 0], [3, 40])
    generator = Seed.of(8).generator()

    def given(labels: NDArray[np.int64], replicates: int) -> Floats:
        common, own = generator.normal(size=len(labels)), (replicates, len(labels))
        noise = np.sqrt(0.8) * common + np.sqrt(0.2) * generator.normal(size=own)
        positive = 1 / (1 + np.exp(0.5 - labels - noise))
        return np.stack([1 - positive, positive], axis=-1)

    many = np.repeat(labels, 5000)
    truth = get_metric(name)(many, given(many, 1)[0])
    limits = [
        metric_interval(name, labels, given(labels, trainings), 0.95, Seed.of(seed))[1:]
        for seed in range(200)
    ]
    inside = [low <= truth <= high for low, high in limits if not math.isnan(low)]
    assert np.mean(inside) > 0.9


def test_classes_keep_their_sizes_in_every_draw() -> None:
    # Where all are decided positive, accuracy is the share of positives: stratified, it is fixed.
    labels, given = _task(40, 2)
    given[:] = [0.2, 0.8]
    drawn = bootstrap_scores(get_metric("accuracy"), labels, given, 50, SEED.generator())
    assert (drawn == 0.5).all()


@pytest.mark.parametrize(
    "name", ["accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1", "kappa"]
)
def test_a_perfect_score_has_a_value_but_no_interval(name: str) -> None:
    # Ten right decisions of ten do not mean that the next patient cannot be missed.
    labels = np.arange(20) % 2
    given = np.tile(np.eye(2)[labels] * 0.8 + 0.1, (2, 1, 1))
    value, low, high = metric_interval(name, labels, given, 0.95, SEED)
    assert value == 1
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "kappa", "brier"])
def test_a_class_of_few_images_or_patients_has_a_value_but_no_interval(name: str) -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2] * 4)
    given = Seed.of(5).generator().dirichlet(np.ones(3), size=(2, 44)) + 0.3 * np.eye(3)[labels]
    given /= given.sum(axis=-1, keepdims=True)
    patients = np.array([*range(40), 40, 40, 41, 42])
    three, two, one = (
        metric_interval(name, labels, given, 0.95, SEED, patients=np.minimum(patients, last))
        for last in (42, 41, 40)
    )
    assert three[0] == two[0] == one[0]
    assert np.isfinite(three).all()
    assert np.isfinite(two).all() == (name == "auc")
    assert np.isnan(one[1:]).all()


@pytest.mark.parametrize("images", [3, 10])
@pytest.mark.parametrize("negatives", [40, 400])
def test_balanced_accuracy_allows_for_a_class_decided_all_alike(
    images: int, negatives: int
) -> None:
    """Exact coverage: each number of right decisions, by its chance. Percentiles: 38 to 91 %."""
    sensitivity, specificity = 0.85, 0.85
    labels = np.repeat([1, 0], [images, negatives])
    wrong = round(negatives * (1 - specificity))
    inside = 0.0
    for hits in range(images + 1):
        positive = np.repeat([0.8, 0.2, 0.8, 0.2], [hits, images - hits, wrong, negatives - wrong])
        given = np.stack([1 - positive, positive], axis=-1)[None]
        value, low, high = metric_interval("balanced_accuracy", labels, given, 0.95, SEED)
        assert 0 <= low < value < high <= 1
        chance = stats.binom.pmf(hits, images, sensitivity)
        inside += chance * (low <= (sensitivity + specificity) / 2 <= high)
    assert inside > 0.95


@pytest.mark.parametrize("images", [3, 10, 15])
def test_auc_intervals_hold_the_truth_although_a_class_has_few_images(images: int) -> None:
    """With the degrees of freedom of all images they held it in 78, 92 and 92 of 100."""
    labels = np.repeat([1, 0], [images, 400])
    generator = Seed.of(1, images).generator()
    inside = 0
    for _ in range(600):
        scores = generator.normal(size=len(labels)) + 1.3 * labels
        given = np.stack([1 - expit(scores), expit(scores)], axis=-1)[None]
        _, low, high = metric_interval("auc", labels, given, 0.95, SEED)
        inside += low < stats.norm.cdf(1.3 / math.sqrt(2)) < high
    assert inside / 600 > 0.93


def test_spread_of_trainings_widens_the_interval() -> None:
    labels, alike = _task(400, 5)
    _, lucky = _task(400, 5, luck=1.0)
    for name in ("auc", "accuracy"):
        _, low, high = metric_interval(name, labels, alike, 0.95, SEED)
        _, low_lucky, high_lucky = metric_interval(name, labels, lucky, 0.95, SEED)
        assert high_lucky - low_lucky > 1.5 * (high - low), name


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy", "f1", "kappa"])
def test_more_than_two_classes(name: str) -> None:
    generator = Seed.of(3).generator()
    labels = np.arange(90) % 3
    votes = np.exp(generator.normal(size=(3, 90, 3)) + 1.5 * np.eye(3)[labels])
    given = votes / votes.sum(axis=-1, keepdims=True)
    value, low, high = metric_interval(name, labels, given, 0.95, SEED)
    assert 0 < low < value < high < 1


def test_every_draw_is_scored_as_the_metric_scores_it() -> None:
    for n_classes in (2, 3):
        generator = Seed.of(4, n_classes).generator()
        labels = np.arange(31) % n_classes
        given = generator.dirichlet(np.ones(n_classes), size=(2, 31))
        for name in ("accuracy", "f1", "kappa"):
            metric = get_metric(name)
            slow = Metric(name, True, metric.function)
            fast, slowly = (
                bootstrap_scores(one, labels, given, 40, SEED.generator()) for one in (metric, slow)
            )
            assert fast == pytest.approx(slowly, abs=1e-12, nan_ok=True)


def test_draws_that_differ_only_where_a_training_is_undefined_give_no_interval() -> None:
    drawn = np.array([[0.5, 0.5], [0.5, 0.5], [np.nan, 0.6]])
    weights = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    runs = np.array([0.5, 0.5])
    found = intervals._bootstrap_limits(drawn, weights, runs, 0.95, 10, None)
    assert np.isnan(found).all()


def test_metrics_of_other_packages_have_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = Metric("foreign", False, lambda y, p: float(np.mean((p[:, 1] - y) ** 2)))
    known = {"foreign": foreign, "brier": get_metric("brier")}
    monkeypatch.setattr(intervals, "get_metric", known.__getitem__)
    monkeypatch.setattr(intervals, "DRAWS", 200)
    labels, given = _task(60, 2)
    value, low, high = metric_interval("foreign", labels, given, 0.95, SEED)
    assert low < value < high
    fast = metric_interval("brier", labels, given, 0.95, SEED)
    assert fast == pytest.approx((value, low, high), abs=1e-12)


def test_depends_on_the_seed_alone() -> None:
    labels, given = _task(60, 3)
    first = metric_interval("accuracy", labels, given, 0.95, SEED)
    assert metric_interval("accuracy", labels, given, 0.95, SEED) == first
    assert metric_interval("accuracy", labels, given, 0.95, SEED.child("other")) != first


def test_blocks_keep_the_number_of_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, given = _task(60, 3)
    whole = metric_interval("accuracy", labels, given, 0.95, SEED)
    monkeypatch.setattr(resampling, "_BLOCK_VALUES", 60 * 300)
    assert metric_interval("accuracy", labels, given, 0.95, SEED) == pytest.approx(whole, abs=0.02)


def test_undefined_values_have_no_interval() -> None:
    labels, given = _task(20, 2)
    spoiled = given.copy()
    spoiled[1, 3] = np.nan
    for name in ("auc", "accuracy"):
        assert np.isnan(metric_interval(name, labels, spoiled, 0.95, SEED)).all()
        ones = labels == 1
        assert np.isnan(metric_interval(name, labels[ones], given[:, ones], 0.95, SEED)).all()


def test_draws_without_a_positive_decision_are_left_out() -> None:
    labels, given = _task(20, 2)
    given[:] = [0.9, 0.1]
    given[:, :2] = [0.1, 0.9]
    value, low, high = metric_interval("ppv", labels, given, 0.95, SEED)
    assert value == 0.5
    assert (low, high) == (0.0, 1.0)


def test_a_replicate_that_was_not_drawn_cannot_spoil_a_draw() -> None:
    # The first training calls one image positive, rightly: ppv 1, or undefined in 37 % of the
    # draws. The second calls all positive: ppv 0.5. A quarter of the draws take the second only.
    labels, given = _task(40, 2)
    given[0], given[1] = [0.9, 0.1], [0.1, 0.9]
    given[0, 1] = [0.1, 0.9]
    # 0.25 / (0.25 + 0.75 · 0.63) = 35 % of the defined draws give 0.5; it would be 25 % otherwise.
    assert metric_interval("ppv", labels, given, 0.40, SEED)[:2] == (0.75, 0.5)


def test_a_perfect_auc_has_a_value_but_no_interval() -> None:
    labels, given = _task(20, 2, separation=50)
    value, low, high = metric_interval("auc", labels, given, 0.95, SEED)
    assert value == 1
    assert math.isnan(low)
    assert math.isnan(high)


def test_one_image_of_a_class_has_a_value_but_no_auc_interval() -> None:
    value, low, high = metric_interval(
        "auc", [1, 0, 0], [[[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]], 0.95, SEED
    )
    assert value == 0.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_refuses_what_does_not_fit() -> None:
    labels, given = _task(20, 2)
    with pytest.raises(AugsearchError, match="metric must be one of"):
        metric_interval("roc", labels, given, 0.95, SEED)
    with pytest.raises(ValueError, match=r"\(R, N, C\) with R at least 1 but have shape \(20, 2\)"):
        metric_interval("auc", labels, given[0], 0.95, SEED)
    with pytest.raises(ValueError, match=r"R at least 1 but have shape \(0, 20, 2\)"):
        metric_interval("auc", labels, given[:0], 0.95, SEED)
    with pytest.raises(ValueError, match="between 0 and 1 but got 95"):
        metric_interval("auc", labels, given, 95, SEED)


@pytest.mark.parametrize("name", ["sensitivity", "specificity", "ppv", "npv", "f1"])
def test_macro_means_of_three_classes_have_an_interval(name: str) -> None:
    generator = Seed.of(name).generator()
    labels = np.arange(90) % 3
    votes = generator.random((2, 90, 3)) + 0.6 * np.eye(3)[labels]
    given = votes / votes.sum(axis=2, keepdims=True)
    value, low, high = metric_interval(name, labels, given, 0.95, Seed.of(0))
    assert value == pytest.approx(np.mean([get_metric(name)(labels, one) for one in given]))
    assert 0 < low < value < high < 1
