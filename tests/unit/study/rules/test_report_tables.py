from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from augsearch.evaluation.metrics import get_metric
from augsearch.study import metric_names
from augsearch.study.schema.report import CLASS_METRICS
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

HEAD = """\
data.kind = "demo"
sources.classic.kind = "classic"
classifiers.other = {}
arms.real = {}
arms.more.search.source = "classic"
"""
METRICS = (
    "auc, accuracy, balanced_accuracy, f1, kappa, sensitivity, specificity, brier, "
    "sensitivity@0.90, ppv, npv"
)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            "metrics = ['acuracy']",
            f"7: report.tables.t.metrics.0: must be one of {METRICS} but got 'acuracy' "
            "(did you mean 'accuracy'?)",
        ),
        (
            "class_metrics = ['f1', 'balanced_accuracy']",
            "7: report.tables.t.class_metrics.1: must be one of auc, accuracy, sensitivity, "
            "specificity, f1, ppv, npv, kappa but got 'balanced_accuracy' (did you mean "
            "'accuracy'?)",
        ),
        (
            "metrics = ['auc', 'auc']",
            "7: report.tables.t.metrics.1: must be named once but 'auc' is named again; drop it",
        ),
        (
            "metrics = ['auc']\narms = ['reel']",
            "8: report.tables.t.arms.0: must be one of real, more but got 'reel' "
            "(did you mean 'real'?)",
        ),
        (
            "metrics = ['auc']\nimages = 'external'",
            "8: report.tables.t.images: 'external' needs [external]; add it or use 'test'",
        ),
        (
            "metrics = ['auc']\nimages = 'tuning'\ndelong = true",
            "9: report.tables.t.delong: compares two single models on images that chose neither, "
            "but images = 'tuning'; use 'test' or 'external', or drop delong",
        ),
        (
            "metrics = ['auc']\nwords = true",
            "8: report.tables.t.words: Landis and Koch have words for kappa alone; add 'kappa' or "
            "drop words",
        ),
        (
            "metrics = ['auc']\nby_classifier = true",
            "8: report.tables.t.by_classifier: needs arms that differ in their classifier but all "
            "of the table have the same; drop by_classifier",
        ),
        (
            "metrics = ['auc']\nimages = 'tuning'\nbest_setting = true",
            "9: report.tables.t.best_setting: needs [tune], which tries the settings; add it or "
            "drop this",
        ),
        (
            "value = 'mean'",
            "6: report.tables.t: must ask for something to show; give metrics, class_metrics, "
            "delong or confusion",
        ),
    ],
)
def test_one_broken_rule_one_message(problems: Problems, report: str, expected: str) -> None:
    text = f"{HEAD}[report.tables.t]\n{report}\ntitle = 'Table 1'\n"
    assert problems(text) == [f"study.toml:{expected}"]


def test_the_best_setting_is_one_on_the_tuning_set(problems: Problems) -> None:
    tune = 'tune.parameters = {"head.batch_size" = [4, 8]}\n'
    table = "report.tables.t = {title = 'T', metrics = ['auc'], best_setting = true}"
    assert problems(HEAD + tune + table) == [
        "study.toml:7: report.tables.t.best_setting: needs images = 'tuning', which settings are "
        "scored on, but got 'test'; the chosen setting's test values stand beside it"
    ]


def test_groups_of_columns_are_of_one_kind(problems: Problems) -> None:
    text = (
        "arms.other.classifier = 'other'\n"
        'tune.parameters = {"head.batch_size" = [4, 8]}\n'
        "report.tables.t = {title = 'T', images = 'tuning', metrics = ['auc'], "
        "best_setting = true, by_classifier = true}"
    )
    [message] = problems(HEAD + text)
    assert message.startswith("study.toml:8: report.tables.t.by_classifier: cannot be combined")


@pytest.mark.parametrize("name", ["arms", "Metrics", "settings", "split"])
def test_a_table_does_not_replace_a_usual_one(problems: Problems, name: str) -> None:
    [message] = problems(f"{HEAD}[report.tables.{name}]\ntitle = 'T'\nmetrics = ['auc']")
    assert message.startswith(f"study.toml:6: report.tables.{name}: must not be called as a usual")


def test_likeness_needs_a_search(problems: Problems) -> None:
    text = "data.kind = 'demo'\narms.real = {}\nreport.figures = ['t-sne', 'ms-ssim']"
    assert problems(text) == [
        "study.toml:3: report.figures.1: 'ms-ssim' follows the amounts of a search but no arm has "
        "one; drop it or search"
    ]


def test_metrics_of_other_packages_are_accepted(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = EntryPoints([EntryPoint("youden", "foreign:youden", "augsearch.metrics")])
    monkeypatch.setattr(metric_names, "entry_points", lambda group: points.select(group=group))
    names = ("youden", "ppv", "sensitivity@0.95", "brier")
    study = load(HEAD + f"report.tables.t = {{title = 'T', metrics = {list(names)}}}")
    assert study.report.tables["t"].metrics == names


@pytest.mark.parametrize("name", CLASS_METRICS)
def test_metrics_of_a_class_exist(name: str) -> None:
    assert not get_metric(name).two_classes_only
