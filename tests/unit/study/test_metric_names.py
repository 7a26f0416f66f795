from collections.abc import Callable

import pytest

from augsearch.errors import AugsearchError
from augsearch.evaluation.metrics import get_metric
from augsearch.study.metric_names import known_metrics, metric_problem, named_metrics
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

HEAD = "data.kind = 'demo'\narms.real = {}\n"


@pytest.mark.parametrize(
    "name", [*known_metrics(), "sensitivity@0.5", "auk", "sensitivity@95", "sensitivity@", "Brier"]
)
def test_what_a_study_lets_through_is_what_the_evaluation_knows(name: str) -> None:
    problem = metric_problem(name)
    if problem is None:
        assert get_metric(name).name == name
        return
    with pytest.raises(AugsearchError) as caught:
        get_metric(name)
    assert str(caught.value) == f"metric {problem}."


def test_no_search_optimises_what_may_be_undefined(problems: Problems) -> None:
    assert metric_problem("ppv") is None
    [message] = problems(HEAD + "evaluation.metric = 'ppv'")
    assert message.startswith("study.toml:3: evaluation.metric: must be one of auc, accuracy")
    assert "ppv" not in message.split(" but got ")[0]


def test_endpoints_are_any_metrics_but_the_verdicts(load: Load) -> None:
    names = ("kappa", "sensitivity@0.90", "sensitivity@0.95", "brier", "ppv")
    study = load(HEAD + f"evaluation.endpoints = {list(names)}\nevaluation.metric = 'brier'")
    assert study.evaluation.endpoints == names
    assert named_metrics(study) == ("brier", "kappa", "sensitivity@0.90", "sensitivity@0.95", "ppv")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["auc"],
            "0: must be another metric than 'auc', in which the verdict is given anyway; drop it",
        ),
        (["f1", "f1"], "1: must be named once but 'f1' is named again; drop it"),
        (
            ["sensitivity@0.9", "sensitivity@0.90"],
            "1: must be named once but 'sensitivity@0.90' is named again; drop it",
        ),
        (
            ["sensitivity@90"],
            "0: must have a specificity between 0 and 1 but got 'sensitivity@90'; write "
            "sensitivity@0.90",
        ),
        (
            ["brie"],
            f"0: must be one of {', '.join(known_metrics())} but got 'brie' "
            "(did you mean 'brier'?)",
        ),
    ],
)
def test_one_broken_rule_one_message(problems: Problems, names: list[str], expected: str) -> None:
    text = HEAD + f"evaluation.endpoints = {names}"
    assert problems(text) == [f"study.toml:3: evaluation.endpoints.{expected}"]
