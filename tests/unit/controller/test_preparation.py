import pytest

from augsearch.controller.preparation import classifier_name, classifier_options

NAMED = {"other": {"backbone": "resnet18"}, "idle": {"backbone": "resnet34"}}


@pytest.mark.parametrize(
    ("arms", "built", "judge"),
    [
        ({"real": {}, "b": {"classifier": "other"}}, ["classifier", "other"], "densenet121"),
        ({"real": {"classifier": "other"}, "b": {}}, ["other", "classifier"], "densenet121"),
        ({"real": {"classifier": "other"}}, ["other"], "resnet18"),
        ({"real": {}}, ["classifier"], "densenet121"),
    ],
)
def test_the_classifiers_that_arms_use_and_the_one_that_judges_sources(ready, arms, built, judge):
    prepared = ready(arms=arms, classifiers=NAMED).prepared
    assert list(prepared.classifiers) == built
    assert prepared.judging.options.backbone == judge
    for arm, table in arms.items():
        expected = "resnet18" if "classifier" in table else "densenet121"
        assert prepared.classifier_of(arm).options.backbone == expected


def test_an_arms_classifier_by_name(ready):
    study = ready(arms={"real": {}, "b": {"classifier": "other"}}, classifiers=NAMED).study
    assert classifier_options(study, classifier_name(study, "real")) is study.classifier
    assert classifier_options(study, classifier_name(study, "b")) is study.classifiers["other"]


def test_only_the_sources_that_arms_use_are_made(ready):
    sources = {"repeat": {"kind": "repeat"}, "idle": {"kind": "classic"}}
    world = ready(sources=sources, arms={"real": {}, "b": {"balance": "repeat"}})
    assert list(world.prepared.sources) == ["repeat"]
