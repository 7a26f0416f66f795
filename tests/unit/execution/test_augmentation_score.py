import pickle
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from augsearch.classifiers.registry import create_classifier
from augsearch.errors import AugsearchError, DataError, SourceError
from augsearch.events import Warned
from augsearch.execution.augmentation_score import AugmentationScore
from augsearch.execution.given_images import labelled_images
from augsearch.records import ImageBlock, Portion, TrainingSet
from augsearch.search.optimal import find_optimal_multiple
from augsearch.seeds import Seed
from augsearch.sources.base import Source
from augsearch.sources.repeat import Repeat
from augsearch.study.schema.classifier import FrozenOptions, LogisticHead
from augsearch.study.schema.sources import ClassicOptions

RESNET = FrozenOptions(
    backbone="resnet18", weights="random", input_size=32, head=LogisticHead(kind="logistic")
)


class Trained(Source):
    """Repeats images; counts how often it is trained for that, and asks the judge."""

    def __init__(self):
        self.trainings = 0

    def fit(self, train, context):
        self.folder = context.folder
        self.verdict = context.judge(train)
        if not (context.folder / "trained").exists():
            context.folder.mkdir(parents=True)
            (context.folder / "trained").touch()
            self.trainings += 1
        return Repeat().fit(train, context)


@pytest.fixture
def make(read, classifier):
    """Give settings -> a score on 12 and 8 training images, 20 and 20 tuning images."""

    def make(images=0, **settings):
        train, tune = read.noisy((12, 8), seed=images), read.noisy((20, 20), seed=99)
        options = {"source": "repeat", "classifier": classifier, "device": "cpu"}
        return AugmentationScore(train, tune, **(options | settings))

    return make


@pytest.mark.parametrize("source", ["classic", ClassicOptions(kind="classic", brightness=0.3)])
def test_scores_are_the_same_alone_and_together(make, source):
    together = list(make(source=source, replicates=3).score_many([1, 2, 3.5]))
    assert together == [make(source=source, replicates=3)(k) for k in (1, 2, 3.5)]
    assert [len(scores) for scores in together] == [3, 3, 3]
    assert len(set(together[1])) == 3  # each replicate has images of its own
    assert together[1] != make(source=source, replicates=3, seed=1)(2)


def test_options_may_be_tables_of_a_study_file(make):
    tables = {
        "source": {"kind": "classic", "brightness": 0.3},
        "classifier": RESNET.model_dump(exclude_unset=True),
    }
    options = {"source": ClassicOptions(**tables["source"]), "classifier": RESNET}
    assert make(**tables)(2) == make(**options)(2)


def test_a_function_of_the_notebook_is_a_source(make, monkeypatch):
    def black(train, seed):
        return lambda label, start, stop: np.zeros((stop - start, 4, 4, 1), dtype=np.uint8)

    monkeypatch.setattr("__main__.black", black, raising=False)
    score = make(source={"kind": "callable", "function": "__main__:black"})
    assert len(score(2)) == 1


def test_a_search_with_a_real_network(make):
    score = make(source="classic", classifier=RESNET)
    found = find_optimal_multiple(score, window=2, max_multiple=3)
    assert [entry.multiple for entry in found.history] == [1, 2, 3]
    assert found.score == max(entry.score for entry in found.history)
    assert len({entry.score for entry in found.history}) > 1


@pytest.mark.parametrize("rule", [{"window": 12}, {"rule": "halving"}])
def test_a_search_ends_with_images_that_are_there_already(make, read, classifier, rule):
    made, told = read.noisy((40, 30), seed=5), []
    score = make(source=made, replicates=2, notify=told.append)
    found = find_optimal_multiple(score, **rule)
    # 12 and 8 training images: K = 4 adds 36 and 24, and K = 5 would add 48.
    assert {entry.multiple for entry in found.history} == {1, 2, 3, 4}
    assert told == [
        Warned(
            "the search ends at K = 4 at the latest, with source 'source': K = 5 needs 48 images "
            "of class '0' and there are 40; add images if it should go on"
        )
    ]
    added = {one.tobytes() for one in made[0]}
    [*largest] = max(classifier.sets, key=len).images(("0", "1")).pixels[20:]
    assert len(largest) == 60
    assert {one.tobytes() for one in largest} <= added


def test_images_that_are_there_may_be_of_one_class_and_are_told_apart(make, read, tmp_path):
    pixels, labels = read.noisy((20, 20), seed=5)
    minority = make(source=(pixels[labels == 1], labels[labels == 1]), balance=True)
    assert len(minority(1)) == 1
    with pytest.raises(SourceError, match="has only 0 images of class '0' but 12 are needed"):
        find_optimal_multiple(minority)
    first, second = (
        make(source=(pixels + shift, labels), folder=tmp_path)(2) for shift in (0, 100)
    )
    assert first != second
    with pytest.raises(AugsearchError, match="but go up to 2"):
        make(source=read.noisy((3, 3, 3)))
    with pytest.raises(AugsearchError, match="but go up to 20000000000"):
        make(source=(pixels, labels * 20_000_000_000))  # patients, not classes


def test_a_finished_search_of_a_source_without_an_end_fits_nothing_again(make, tmp_path):
    source, kept = Trained(), {"storage": f"sqlite:///{tmp_path}/search.db", "window": 2}
    found = find_optimal_multiple(make(source=source), **kept)
    assert source.trainings == 1
    assert find_optimal_multiple(make(source=source), **kept) == found
    assert source.trainings == 1


def test_an_error_is_not_maximized(make):
    score = make(metric="brier")
    with pytest.raises(ValueError, match="direction must be 'minimize' for this score"):
        find_optimal_multiple(score, window=2, max_multiple=3)
    found = find_optimal_multiple(score, window=2, max_multiple=3, direction="minimize")
    assert found.score == min(entry.score for entry in found.history)


@pytest.mark.parametrize("metric", ["auc", "balanced_accuracy"])
def test_k_1_is_the_classifier_on_the_real_images(make, read, tmp_path, metric):
    (train, labels), (tune, truth) = read.noisy((12, 8)), read.noisy((20, 20), seed=99)
    seed = Seed.of(5, "backbone")
    classifier = create_classifier(RESNET, image_shape=(4, 4, 1), cache=tmp_path, seed=seed)
    portion = Portion(ImageBlock.of(train), np.arange(20), labels)
    (fitted,) = classifier.fit([TrainingSet((portion,), 2, Seed.of(0))])
    positive = fitted.predict_proba(ImageBlock.of(tune))[:, 1]
    expected = {
        "auc": roc_auc_score(truth, positive),
        "balanced_accuracy": balanced_accuracy_score(truth, positive > 0.5),
    }
    score = make(classifier=RESNET, metric=metric, seed=5)
    assert score(1) == (pytest.approx(expected[metric]),)


def test_the_base_set_is_the_real_one_or_the_balanced_one(make, classifier, read):
    plain, balanced = make(), make(balance=True)
    list(plain.score_many([1, 1.5, 3]))
    list(balanced.score_many([1, 2]))
    counts = [np.bincount(read.images(one)[1]).tolist() for one in classifier.sets]
    assert counts == [[12, 8], [18, 12], [36, 24], [12, 12], [24, 24]]


def test_repeat_gives_each_real_image_as_often_as_the_others(make, classifier, read):
    score = make()
    score(3)
    pixels, _ = read.images(classifier.sets[0])
    assert set(Counter(one.tobytes() for one in pixels).values()) == {3}


def test_the_judge_measures_on_the_tuning_images(make):
    source = Trained()
    score = make(source=source)
    assert score(1) == (source.verdict,)  # it was asked about the training images


def test_a_folder_keeps_what_was_fitted_for_the_same_images_only(make, tmp_path):
    source = Trained()
    first = list(make(source=source, folder=tmp_path).score_many([1, 4]))
    assert list(make(source=source, folder=tmp_path).score_many([1, 4])) == first
    assert source.trainings == 1
    other = make(images=1, source=source, folder=tmp_path)(4)
    assert other == make(images=1, source=Trained())(4)
    assert source.trainings == 2
    make(source=source, folder=tmp_path, seed=1)(4)
    assert source.trainings == 3


def test_it_can_be_sent_to_another_process_before_and_after_its_first_call(make):
    score = make()
    for _ in range(2):
        assert pickle.loads(pickle.dumps(score))(2) == score(2)


def test_a_notebooks_gradients_are_its_own(make, classifier, monkeypatch):
    inside, fit = [], classifier.fit

    def seen(*given):
        inside.append(torch.is_grad_enabled())
        return fit(*given)

    monkeypatch.setattr(classifier, "fit", seen)
    with torch.no_grad():
        scores = make(source=Trained()).score_many([1, 2])
        for _ in scores:
            assert not torch.is_grad_enabled()
    assert len(inside) == 2  # the judge, and both amounts together
    assert all(inside)


def test_a_temporary_folder_goes_with_the_object(make):
    source = Trained()
    scores = make(source=source).score_many([2, 3])
    next(scores)
    assert list(source.folder.glob("pool/*.npy"))
    assert len(list(scores)) == 1
    assert not source.folder.parent.exists()


def test_grey_images_may_lack_their_channel():
    pixels, labels = np.zeros((3, 8, 8), dtype=np.uint8), [0, 1, 1]
    images = labelled_images((pixels, labels))
    assert images.pixels.shape == (3, 8, 8, 1)
    assert (images.class_counts(), images.labels.dtype) == ((1, 2), np.int64)


IMAGES = np.zeros((4, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    ("pixels", "labels", "words"),
    [
        (IMAGES / 255, [0, 1, 0, 1], "uint8 but are float64"),
        (IMAGES.astype(int), [0, 1, 0, 1], r"uint8 but are int64.* \.astype\(numpy\.uint8\)"),
        (IMAGES[0], [0, 1, 0, 1], r"\(8, 8\)"),
        (IMAGES[:, None], [0, 1, 0, 1], r"\(4, 1, 8, 8\); numpy\.moveaxis\(images, 1, -1\)"),
        (
            [IMAGES[0], IMAGES[1, :4]],
            [0, 1],
            "images must be one array .* bring images to one size",
        ),
        (IMAGES, [0, 1, 0, [1]], "labels must be one array"),
        (torch.zeros((4, 8, 8), device="meta"), [0, 1, 0, 1], "tensors to the CPU"),
        (IMAGES[..., None].repeat(4, axis=3), [0, 1, 0, 1], "1 or 3 channels"),
        (IMAGES, [0, 1, 0], "4 integers, one per image"),
        (IMAGES, [0.0, 1.0, 0.0, 1.0], "float64"),
        (IMAGES, [0, 0, 0, 0], r"every class but are \[0\]"),
        (IMAGES, [0, 2, 0, 2], r"\[0, 2\]"),
        (IMAGES, [-1, 0, 1, 1], r"\[-1, 0, 1\]"),
        (IMAGES[:0], np.empty(0, dtype=int), r"\[\]"),
    ],
)
def test_images_that_cannot_be_used(pixels, labels, words):
    with pytest.raises(DataError, match=words):
        labelled_images((pixels, labels))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pixels": IMAGES[..., None] / 255}, "uint8 but are float64"),
        ({"labels": np.array(["no", "yes"] * 2)}, "4 integers, one per image"),
        ({"labels": np.array([0, 1, 2, 1])}, r"each of the 2 classes \('no', 'yes'\), and of no"),
        ({"classes": ("no", "yes", "none")}, "each of the 3 classes .* but labels go up to 1"),
    ],
)
def test_labelled_images_are_checked_as_well(change, words):
    whole = replace(labelled_images((IMAGES, [0, 1, 0, 1])), classes=("no", "yes"))
    assert labelled_images(whole).classes == ("no", "yes")
    with pytest.raises(DataError, match=words):
        labelled_images(replace(whole, **change))


def test_images_without_their_labels_are_refused():
    with pytest.raises(DataError, match=r"but got ndarray; write AugmentationScore\(\(images,"):
        AugmentationScore(IMAGES, [0, 1, 0, 1])


def test_training_and_tuning_images_must_match(read, classifier):
    train = read.noisy((4, 4))
    for tune, words in [
        (read.noisy((4, 4), size=8), r"size and channels but are \(4, 4, 1\) and \(8, 8, 1\)"),
        (read.noisy((4, 4, 4)), "the same classes but have 2 and 3"),
    ]:
        with pytest.raises(DataError, match=words):
            AugmentationScore(train, tune, classifier=classifier)
    named = replace(labelled_images(train), classes=("ill", "well"))
    AugmentationScore(named, train, classifier=classifier)
    with pytest.raises(DataError, match="same order but have 'ill', 'well' and 'well', 'ill'"):
        AugmentationScore(named, replace(named, classes=("well", "ill")), classifier=classifier)
    other = replace(named, classes=("well", "ill"))
    with pytest.raises(DataError, match="training and the source's images must have the same cl"):
        AugmentationScore(named, train, source=other, classifier=classifier)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"source": "clasic"},
            r"source.kind must be one of .* got 'clasic' \(did .* 'classic'\?\)",
        ),
        ({"source": "folder"}, "source.path is missing"),
        ({"source": "wgan"}, "source.kind wgan with strategy 'joint' has no classes; add select"),
        (
            {"source": {"kind": "repeat", "select": {"by": "discriminator", "best": 1}}},
            "source.select.by 'discriminator' needs a trained generator but kind repeat has none",
        ),
        ({"classifier": "resnet19"}, "resnet19"),
        ({"classifier": {"backbon": "resnet18"}}, "classifier.backbon unknown key .* 'backbone'"),
        ({"device": "gpu"}, r"device must be one this machine has \(.*cpu\) but got 'gpu'"),
        ({"metric": "acu"}, "metric must be one of"),
        ({"metric": len}, "metric must be the name of one, as 'auc', but got <built-in"),
        ({"source": labelled_images}, 'a function of your own goes by {"kind": "callable"'),
        ({"classifier": Trained}, "a backbone's name, options or a Classifier but got .*class"),
        ({"replicates": 0}, "at least 1 but got 0"),
    ],
)
def test_settings_that_cannot_be_used(make, settings, words):
    with pytest.raises(AugsearchError, match=words):
        make(**settings)


@pytest.mark.parametrize("settings", [{"replicates": 2.5}, {"replicates": "2"}, {"seed": None}])
def test_numbers_that_are_not_whole_are_refused_at_once(make, settings):
    with pytest.raises(TypeError, match=f"{next(iter(settings))} must be a (whole )?number but"):
        make(**settings)
