import json
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from augsearch.classifiers.base import Classifier, FittedClassifier
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.stages.answer import Declaration, declare, open_test_set
from augsearch.controller.stages.arms import SearchedArm
from augsearch.controller.stages.generator_replicates import Generations
from augsearch.controller.stages.tuning import TunedSettings
from augsearch.errors import RunDirectoryError
from augsearch.evaluation.inference.verdict import verdict
from augsearch.evaluation.metrics import Metric, get_metric
from augsearch.events import Warned, silent
from augsearch.execution.cells import ArmScore
from augsearch.execution.folds import FoldImages
from augsearch.execution.recipes import arm_recipe
from augsearch.records import Evaluation, ImageBlock, Portion
from augsearch.search.optimal import SearchResult
from augsearch.search.tuning import SettingTrial
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.pools.store import PoolStore
from augsearch.sources.repeat import Repeat
from augsearch.study.schema.arms import Addition, Arm, WindowSearch
from augsearch.study.schema.report import ReportOptions
from augsearch.study.schema.study import EvaluationOptions, StudyFile
from augsearch.testing.images import toy_images

AUC = get_metric("auc")
LOSS = Metric("loss", False, AUC.function)
ARMS = {
    "real": Arm(),
    "twice": Arm(add=(Addition(source="repeat", multiple=2),)),
    "search": Arm(search=WindowSearch(source="repeat")),
    "again": Arm(search=WindowSearch(source="repeat")),
    "other": Arm(add=(Addition(source="repeat", multiple=2),), classifier="other"),
}


class Guess(Classifier):
    """Probabilities drawn from the training set's seed, better with more images."""

    def __init__(self):
        self.sizes = []

    def fit(self, training_sets, notify=None):
        self.sizes += [len(one) for one in training_sets]
        return [Guessed(one) for one in training_sets]


class Guessed(FittedClassifier):
    def __init__(self, training_set):
        self.seed, self.size = training_set.seed, len(training_set)

    def predict_proba(self, block):
        noise = self.seed.generator().normal(size=len(block))
        brightness = block.pixels.mean(axis=(1, 2, 3)) / 100
        positive = 1 / (1 + np.exp(-(brightness * self.size / 20 + noise)))
        return np.stack([1 - positive, positive], axis=1)


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path / "run")


def prepared(metric=AUC, arms=ARMS, external=False, patients=None):
    study = StudyFile.model_construct(
        arms=arms, evaluation=EvaluationOptions(test_replicates=3), report=ReportOptions()
    )
    part = replace(block(toy_images((20, 20), size=4, seed=7)), patients=patients)
    return SimpleNamespace(
        study=study, metric=metric, test=part, external=part if external else None
    )


def tuned_to(n, place=0):
    trials = [None] * place + [SettingTrial({"n": n}, ())]
    return TunedSettings(score=None, trials=trials, chosen=place, trainer=None)


def block(images):
    rows = np.arange(len(images), dtype=np.int64)
    return Portion(ImageBlock.of(images.pixels), rows, images.labels)


def chosen(multiples, scores, arms=ARMS, score=None):
    """Arms as they come out of the search; a multiple of None is an arm without a finite score."""
    return {
        name: SearchedArm(
            name,
            arms[name],
            score(name) if score else None,
            SearchResult(
                multiple, value, 5, "window", (Evaluation.of(multiple or 1, [value or np.nan]),)
            ),
            files=None,
            tuned=None,
        )
        for (name, multiple), value in zip(multiples.items(), scores, strict=True)
    }


K = {"real": 1, "twice": 2, "search": 3, "again": 4}


@pytest.mark.parametrize(
    ("metric", "scores", "arm"),
    [
        (AUC, (0.9, 0.99, 0.7, 0.8), "again"),
        (AUC, (0.9, 0.99, 0.8, 0.8), "search"),  # the first of the study
        (LOSS, (0.9, 0.1, 0.7, 0.8), "search"),
    ],
)
def test_the_best_searched_arm_is_declared(directory, metric, scores, arm):
    declaration = declare(chosen(K, scores), prepared(metric), directory)
    assert declaration == Declaration(K, arm)
    written = json.loads((directory.path / "declaration.json").read_text())
    assert written.pop("declared_at")
    assert written == {"baseline": "real", "multiples": K, "arm": arm}


def test_a_choice_other_than_the_declared_one_is_refused(directory):
    scores = (0.9, 0.8, 0.8, 0.85)
    declare(chosen(K, scores), prepared(), directory)
    assert declare(chosen(K, scores), prepared(), directory).multiples == K
    with pytest.raises(RunDirectoryError, match=r"declared at 20\d\d-.*--fresh"):
        declare(chosen(K | {"search": 5}, scores), prepared(), directory)


@pytest.mark.parametrize(("metric", "arm"), [(AUC, "thrice"), (LOSS, "twice")])
def test_without_a_search_the_best_other_arm_is_declared(directory, metric, arm):
    arms = {"real": Arm(), "twice": ARMS["twice"], "thrice": ARMS["twice"]}
    found = chosen({"real": 1, "twice": 2, "thrice": 3}, (0.95, 0.7, 0.8), arms)
    assert declare(found, prepared(metric, arms), directory).arm == arm


def test_the_verdict_is_about_an_arm_of_the_baselines_classifier(directory):
    arms = {"real": Arm(), "twice": ARMS["twice"], "other": ARMS["twice"]}
    arms["other"] = arms["other"].model_copy(update={"classifier": "densenet"})
    found = chosen({"real": 1, "twice": 2, "other": 2}, (0.8, 0.7, 0.95), arms)
    assert declare(found, prepared(AUC, arms), directory).arm == "twice"


def test_an_arm_without_a_finite_score_is_not_declared(directory):
    found = chosen(K | {"search": None, "again": None}, (0.9, 0.8, None, None))
    declaration = declare(found, prepared(), directory)
    assert declaration == Declaration({"real": 1, "twice": 2}, "twice")


def test_with_the_baseline_alone_nothing_is_declared(directory):
    arms = {"real": Arm()}
    declaration = declare(chosen({"real": 1}, (0.9,), arms), prepared(AUC, arms), directory)
    assert declaration.arm is None


@pytest.fixture
def tested(tmp_path, directory):
    """Give chosen amounts -> (outcome, sizes of the training sets that were fitted)."""
    images = toy_images((5, 5), size=4)
    pool = Repeat().fit(images, FitContext("repeat", 0, Seed.of(0), tmp_path))
    stores = {"repeat": PoolStore(pool, tmp_path / "pool")}
    fold = FoldImages(0, block(images), block(images), 2, Seed.of(0), stores)
    guess = Guess()

    def score(name):
        def recipe(multiple, fold):
            return arm_recipe(ARMS, name, multiple, fold.class_counts, {}, fold.sizes)

        return ArmScore(recipe, [fold], guess, AUC, 1, Seed.of(0))

    def run(
        external=False, tuned=None, scores=None, controls=None, told=None, directory=directory,
        patients=None, **multiples
    ):  # fmt: skip
        guess.sizes.clear()
        ready = prepared(external=external, patients=patients)
        values = [(scores or {}).get(name, 0.5) for name in multiples]
        searched = chosen(multiples, values, score=score)
        for name, arm in (controls or {}).items():
            searched[name] = replace(searched[name], control_of=arm)
        searched |= {
            name: replace(searched[name], tuned=one) for name, one in (tuned or {}).items()
        }
        declaration = declare(searched, ready, directory)
        notify = silent if told is None else told.append
        once = Generations([searched["real"].score.folds])
        return open_test_set(declaration, searched, ready, directory, once, notify), guess.sizes

    return run


def test_the_gain_is_that_of_fresh_trainings(tested):
    outcome, sizes = tested(real=1, search=4)
    assert sizes == [10] * 3 + [40] * 3
    labels = toy_images((20, 20), size=4, seed=7).labels
    aucs = {
        name: np.mean([roc_auc_score(labels, one[:, 1]) for one in values])
        for name, values in outcome.outputs("test").items()
    }
    assert outcome.answer.arm == "search"
    assert outcome.answer.gain == pytest.approx(aucs["search"] - aucs["real"])
    assert outcome.answer.low < outcome.answer.gain < outcome.answer.high
    assert outcome.gains.keys() == {"search"}


def test_patients_are_what_the_intervals_count(tested):
    patients = np.arange(40) // 4
    scores = {"search": 0.9, "again": 0.3}
    given = {"scores": scores, "controls": {"again": "search"}, "real": 1, "search": 4, "again": 3}
    outcome, _ = tested(patients=patients, **given)
    labels = toy_images((20, 20), size=4, seed=7).labels
    arms = [outcome.outputs("test")[name] for name in ("real", "again", "search")]
    expected = [verdict(labels, one, arms[2], patients=patients) for one in arms[:2]]
    answer = outcome.answer
    assert outcome.gains["search"] == expected[0]
    assert (answer.control.low, answer.control.high) == (expected[1].low, expected[1].high)
    assert expected[0].se != verdict(labels, arms[0], arms[2]).se


def test_arms_of_the_same_recipe_are_the_same_trainings(tested):
    outcome, sizes = tested(real=1, twice=2, search=2, again=1)
    assert sizes == [10] * 3 + [20] * 3
    assert outcome.outputs("test")["twice"] is outcome.outputs("test")["search"]
    assert outcome.outputs("test")["again"] is outcome.outputs("test")["real"]
    assert outcome.gains["twice"] == outcome.gains["search"]


def test_another_classifier_or_setting_is_another_training(tested):
    outcome, sizes = tested(real=1, twice=2, other=2)
    assert sizes == [10] * 3 + [20] * 3 + [20] * 3
    assert outcome.outputs("test")["other"] is not outcome.outputs("test")["twice"]


@pytest.mark.parametrize(("settings", "trainings"), [((8, 8), 1), ((8, 16), 2)])
def test_arms_tuned_to_the_same_setting_are_the_same_trainings(tested, settings, trainings):
    tuned = {
        # The setting counts, not its place among those that were tried.
        name: tuned_to(n, place)
        for place, (name, n) in enumerate(zip(("search", "again"), settings, strict=True))
    }
    _, sizes = tested(real=1, search=2, again=2, tuned=tuned)
    assert sizes == [10] * 3 + [20] * 3 * trainings


def test_a_gain_that_may_be_the_classifiers_says_so(tested):
    trial = {n: tuned_to(n) for n in (1, 2)}
    beyond = "so the gain is not that of the images alone"
    outcome, _ = tested(real=1, search=2, tuned={"real": trial[1], "search": trial[2]})
    assert f"'search' chose other settings than arm 'real', {beyond}" in outcome.answer.note


def test_a_gain_of_another_classifier_says_so(tested):
    outcome, _ = tested(real=1, other=2)
    assert "arm 'other' has another classifier than arm 'real', so" in outcome.answer.note


def test_a_gain_of_the_images_alone_says_nothing_of_classifiers(tested):
    trial = tuned_to(1)
    outcome, _ = tested(real=1, search=2, tuned={"real": trial, "search": trial})
    assert "images alone" not in outcome.answer.note


def test_choosing_the_baselines_own_set_is_no_evidence_and_says_so(tested):
    outcome, _ = tested(real=1, search=1)
    answer = outcome.answer
    assert (answer.label, answer.gain) == ("no evidence", 0)
    assert "baseline's own training set" in answer.note


def test_what_was_trained_is_read_back_after_a_kill(tested, directory):
    first, _ = tested(external=True, real=1, search=3)
    again, sizes = tested(external=True, real=1, search=3)
    assert sizes == []
    (directory.artifacts / "test" / "search-external.npy").unlink()
    repaired, sizes = tested(external=True, real=1, search=3)
    assert sizes == [30] * 3
    for outcome in (again, repaired):
        assert outcome.answer == first.answer
        for part, name in product(("test", "external"), ("real", "search")):
            assert np.array_equal(outcome.outputs(part)[name], first.outputs(part)[name])


def test_the_very_trainings_of_the_baseline_leave_nothing_to_chance(tested):
    gain = tested(real=1, again=1)[0].gains["again"]
    assert (gain.gain, gain.low, gain.high, gain.label) == (0, 0, 0, "no evidence")


def test_controls_are_compared_and_the_best_by_tuning_score_is_declared(tested, directory):
    scores = {"real": 0.5, "search": 0.9, "again": 0.3, "twice": 0.6}
    controls = {"again": "search", "twice": "search"}
    outcome, _ = tested(scores=scores, controls=controls, real=1, search=4, again=4, twice=2)
    answer = outcome.answer
    assert (answer.arm, answer.control.arm) == ("search", "twice")
    assert json.loads((directory.path / "declaration.json").read_text())["control"] == "twice"
    labels = toy_images((20, 20), size=4, seed=7).labels
    aucs = {
        name: np.mean([roc_auc_score(labels, one[:, 1]) for one in outcome.outputs("test")[name]])
        for name in ("search", "twice")
    }
    assert answer.control.gain == pytest.approx(aucs["search"] - aucs["twice"])
    assert answer.control.low < answer.control.gain < answer.control.high


def test_a_control_is_never_what_the_verdict_is_about(directory):
    found = chosen(K, (0.5, 0.99, 0.7, 0.8))
    found["again"] = replace(found["again"], control_of="search")
    declaration = declare(found, prepared(), directory)
    assert (declaration.arm, declaration.control) == ("search", "again")


def test_a_second_run_on_the_same_test_images_says_so(tested, directory, tmp_path):
    told = []
    first, _ = tested(told=told, real=1, search=4)
    assert first.opened_before == ()
    second = RunDirectory(tmp_path / "run-2")
    again, _ = tested(told=told, directory=second, real=1, search=3)
    assert [(one.run, one.arm, one.multiple) for one in again.opened_before] == [
        ("run", "search", 4)
    ]
    warned = [event.message for event in told if isinstance(event, Warned)]
    assert warned == [again.answer.note]
    assert "opened before, by run 'run'" in again.answer.note
    resumed, _ = tested(real=1, search=4)
    assert (resumed.opened_before, resumed.answer) == ((), first.answer)


def test_that_the_test_set_is_opened_is_written_down_before_anything_is_scored(
    tested, directory, monkeypatch
):
    def killed(self, block):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Guessed, "predict_proba", killed)
        tested(real=1, search=4)
    assert directory.remembers("test_opened")
    assert tested(real=1, search=4)[0].opened_before == ()


def test_a_baseline_without_a_score_leaves_no_verdict(tested):
    outcome, sizes = tested(real=None, search=2)
    assert sizes == [20] * 3
    assert (outcome.answer, outcome.gains) == (None, {})
