from collections.abc import Callable

import pytest

from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

HEAD = """\
data.kind = "demo"
split = {train = 0.6, tune = 0.4, test = 0}
sources.classic.kind = "classic"
arms.real = {}
arms.more.search.source = "classic"
evaluation.replicates = 3
"""
NEEDS = "needs a test set but split.test = 0; drop it, or set split.test above 0"
CHOOSES = "with split.test = 0 the tuning set gives the verdict and may choose nothing but the"


def test_a_study_may_do_without_a_test_set(load: Load) -> None:
    assert not load(HEAD).has_test_set
    assert load(HEAD.replace("tune = 0.4, test = 0", "tune = 0.2, test = 0.2")).has_test_set


def test_a_given_split_says_that_there_is_none(load: Load, problems: Problems) -> None:
    given = HEAD.replace("train = 0.6, tune = 0.4", "method = 'given'")
    assert not load(given).has_test_set
    assert load(given.replace(", test = 0", "")).has_test_set
    assert problems(given.replace("test = 0", "test = 0.2")) == [
        "study.toml:2: split.test: must be one of 0 but got 0.2"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("external.kind = 'demo'", f"external: is read together with the test set, so it {NEEDS}"),
        ("evaluation.controls = true", f"evaluation.controls: {NEEDS}"),
        ("evaluation.real_equivalence = true", f"evaluation.real_equivalence: {NEEDS}"),
        ("evaluation.endpoints = ['brier']", f"evaluation.endpoints: {NEEDS}"),
        (
            "report.figures = ['ms-ssim', 't-sne']",
            f"report.figures.1: 't-sne' maps test images, so it {NEEDS}",
        ),
        (
            "report.tables.t = {title = 'T', metrics = ['auc']}",
            "report.tables.t.images: 'test' needs a test set but split.test = 0; use 'tuning', or "
            "set split.test above 0",
        ),
        (
            "tune.parameters = {'head.epochs' = [1, 2]}",
            f"tune: {CHOOSES} amount; write the settings into the classifier and drop [tune]",
        ),
        (
            "classifier = {kind = 'end-to-end', network = 'resnet18', patience = 3}",
            f"classifier.patience: {CHOOSES} amount, not when to stop; drop patience",
        ),
        (
            "classifiers.b = {kind = 'end-to-end', network = 'resnet18', patience = 3}\n"
            "arms.b.classifier = 'b'",
            f"classifiers.b.patience: {CHOOSES} amount, not when to stop; drop patience",
        ),
        (
            "sources.gan = {kind = 'acgan', snapshot = 'best'}\narms.gan.balance = 'gan'",
            f"sources.gan.snapshot: {CHOOSES} amount, not a snapshot; use 'last'",
        ),
    ],
)
def test_what_needs_a_test_set_or_chooses_on_the_tuning_set_is_refused(
    problems: Problems, text: str, expected: str
) -> None:
    assert problems(HEAD + text) == [f"study.toml:7: {expected}"]


@pytest.mark.parametrize(
    "text",
    [
        "sources.idle = {kind = 'acgan', snapshot = 'best'}",
        "classifiers.idle = {kind = 'end-to-end', network = 'resnet18', patience = 3}",
        "report.tables.t = {title = 'T', metrics = ['auc'], images = 'tuning'}",
    ],
)
def test_what_no_arm_uses_and_what_needs_no_test_set_is_not(load: Load, text: str) -> None:
    assert not load(HEAD + text).has_test_set


def test_a_single_training_of_each_amount_does_not_tell_what_is_luck(problems: Problems) -> None:
    [message] = problems(HEAD.replace("replicates = 3", "replicates = 1"))
    assert message.startswith("study.toml:6: evaluation.replicates: must be at least 2 with split")


def test_folds_need_a_test_set(problems: Problems) -> None:
    text = HEAD.replace("train = 0.6, tune = 0.4", "method = 'k-fold'")
    [message] = problems(text)
    assert message.startswith(
        "study.toml:2: split.test: must be above 0 with method 'k-fold' but got 0: every tuning "
        "image trains the other folds' models"
    )
