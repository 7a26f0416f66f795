from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from augsearch.study import metric_names
from augsearch.study.metric_names import KNOWN_METRICS
from augsearch.study.schema.study import StudyFile

Load = Callable[[str], StudyFile]
Problems = Callable[[str], list[str]]

HEAD = """\
data.kind = "demo"
images.size = 64
sources.acgan.kind = "acgan"
sources.classic.kind = "classic"
"""


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        (
            "arms.real = {}\narms.b.balance = 'acgn'",
            "6: arms.b.balance: must name a table of [sources] (acgan, classic) but got 'acgn' "
            "(did you mean 'acgan'?); add [sources.acgn] or name another",
        ),
        (
            "arms.real = {}\narms.b.add = [{source='acgan', multiple=2}, {source='x', multiple=2}]",
            "6: arms.b.add.1.source: must name a table of [sources] (acgan, classic) but got 'x'; "
            "add [sources.x] or name another",
        ),
        (
            "arms.real = {}\narms.b.search.source = 'clasic'",
            "6: arms.b.search.source: must name a table of [sources] (acgan, classic) but got "
            "'clasic' (did you mean 'classic'?); add [sources.clasic] or name another",
        ),
        (
            "arms.real = {}\narms.b.base = 'reel'",
            "6: arms.b.base: must name another arm (real) but got 'reel' (did you mean 'real'?)",
        ),
        (
            "arms.real = {}\narms.b.base = 'b'",
            "6: arms.b.base: must name another arm (real) but got 'b'",
        ),
        (
            "arms.real = {}\narms.a.base = 'c'\narms.b.base = 'a'\narms.c.base = 'b'",
            "6: arms.a.base: bases must not lead back to the arm itself but a -> c -> b -> a; "
            "drop one of them",
        ),
        (
            "arms.real = {}\narms.b.base = 'real'\narms.b.balance = 'acgan'",
            "7: arms.b.balance: cannot be combined with base; set balance in arm real or drop base",
        ),
        (
            "arms.real = {}\narms.Real.balance = 'acgan'",
            "6: arms.Real: must differ from real by more than case; files are called so, and macOS "
            "and Windows would take the two for one",
        ),
        (
            "sources.Classic.kind = 'classic'\narms.real = {}",
            "5: sources.Classic: must differ from classic by more than case; files are called so, "
            "and macOS and Windows would take the two for one",
        ),
        (
            "arms.s.search.source = 'acgan'\narms.b.base = 's'",
            "5: arms: one must train on all real images and neither search nor add, to compare "
            "with; add [arms.real]",
        ),
        (
            "arms.real = {}\nbaseline = 'reel'",
            "6: baseline: must name an arm (real) but got 'reel' (did you mean 'real'?)",
        ),
        (
            "arms.s.search.source = 'acgan'\narms.real = {}\nbaseline = 's'",
            "7: baseline: must name an arm without a search but s has one",
        ),
        (
            "arms.real = {}\narms.s.search = {source='acgan', start=3, max_multiple=2.5}",
            "6: arms.s.search.max_multiple: must be at least start, 3, but got 2.5",
        ),
        (
            "arms.real = {}\nevaluation.controls = true",
            "6: evaluation.controls: needs an arm that searches its amount, which the controls "
            "then have, but there is none; add search to an arm or drop controls",
        ),
        (
            "arms.real = {}\nevaluation.metric = 'aucc'",
            "6: evaluation.metric: must be one of auc, accuracy, balanced_accuracy, f1, kappa, "
            "sensitivity, specificity, brier, sensitivity@0.90 but got 'aucc' "
            "(did you mean 'auc'?)",
        ),
        (
            "arms.real = {}\nclassifier.backbone = 'vgg16'",
            "6: classifier.backbone: must be a torchvision name that begins with densenet, resnet, "
            "resnext, wide_resnet, efficientnet_v2 but got 'vgg16'",
        ),
        (
            "arms.real = {}\nimages.intensity_range = [3, 3]",
            "6: images.intensity_range: must rise from black to white but got [3.0, 3.0]",
        ),
        (
            "arms.real = {}\nclassifier.weights = '.'",
            "6: classifier.weights: must be a file but FOLDER is a folder",
        ),
        (
            "arms.real = {}\nexternal = {kind='csv', path='.'}",
            "6: external.path: must be a file but FOLDER is a folder",
        ),
        (
            "arms.real = {}\nexternal = {kind='folder', path='study.toml'}",
            "6: external.path: must be a folder but study.toml is a file",
        ),
        (
            "arms.real = {}\nsources.f = {kind='folder', path='study.toml'}",
            "6: sources.f.path: must be a folder but study.toml is a file",
        ),
        (
            "arms.real = {}\nexternal = {kind='folder', path='.', group_pattern='a('}",
            "6: external.group_pattern: must be a regular expression but got 'a(': missing ): a(",
        ),
        (
            "arms.real = {}\nexternal = {kind='folder', path='.', group_pattern='^a_'}",
            "6: external.group_pattern: must have a group in brackets that is the patient, as in "
            "'^([^_]+)_', but got '^a_'",
        ),
        (
            "arms.real = {}\nexternal = {kind='digits', classes=['1', '1']}",
            '6: external.classes: must be two or more different names but got ["1", "1"]',
        ),
        (
            "arms.real = {}\nexternal = {kind='csv', path='study.toml', contains={a='x'}}",
            "6: external.contains: must name two classes or more but got 1",
        ),
    ],
)
def test_one_broken_rule_one_message(problems: Problems, arms: str, expected: str) -> None:
    assert problems(HEAD + arms) == [f"study.toml:{expected}"]


@pytest.mark.parametrize(
    ("size", "filters", "nearest"),
    [
        (50, "[8, 8, 8]", "48 and 56"),
        (9, "[8, 8, 8]", "8 and 16"),
        (1023, "[8, 8]", "1020 and 1024"),
    ],
)
def test_image_size_must_suit_the_generator(
    problems: Problems, size: int, filters: str, nearest: str
) -> None:
    text = HEAD.replace("64", str(size)) + f"sources.acgan.generator_filters = {filters}\n"
    [message] = problems(text + "arms.real = {}")
    assert message.startswith("study.toml:2: images.size: must be divisible by")
    assert message.endswith(f"but got {size}; nearest: {nearest}")


@pytest.mark.parametrize("kind", ["acgan", "dcgan", "wgan"])
def test_image_size_must_suit_every_kind_of_gan(problems: Problems, load: Load, kind: str) -> None:
    text = f"data.kind = 'demo'\nimages.size = 40\narms.real = {{}}\nsources.x.kind = '{kind}'\n"
    text += "sources.x.strategy = 'per-class'\nsources.x.generator_filters = [8, 8, 8, 8]\n"
    [message] = problems(text)
    assert message.endswith("got 40; nearest: 32 and 48")
    # With an output convolution there is one doubling less.
    assert load(text + "sources.x.generator_output = 'convolution'\n").images.size == 40


@pytest.mark.parametrize("kind", ["dcgan", "wgan"])
def test_a_joint_generator_without_classes_needs_select(
    problems: Problems, load: Load, kind: str
) -> None:
    text = f"data.kind = 'demo'\narms.real = {{}}\n[sources.x]\nkind = '{kind}'\n"
    joint = text + "strategy = 'joint'\n"
    assert problems(joint) == [
        f"study.toml:4: sources.x.kind: {kind} with strategy 'joint' has no classes; add select = "
        '{by = "confidence", best = ...} or strategy = "per-class"'
    ]
    load(text + "strategy = 'transfer'\n")
    load(joint + "select = {by = 'confidence', threshold = 0.9}\n")
    [message] = problems(joint + "select = {by = 'discriminator', threshold = 0.9}\n")
    assert message.startswith("study.toml:6: sources.x.select.by: must be 'confidence' or")


def test_image_size_is_free_without_a_generator(load: Load) -> None:
    text = 'data.kind = "demo"\nimages.size = 51\nsources.c.kind = "classic"\narms.real = {}'
    assert load(text).images.size == 51


@pytest.mark.parametrize(
    ("data", "accepted"),
    [
        ("kind = 'demo'", True),
        ("kind = 'medmnist'\npath = 'x.npz'", True),
        ("kind = 'csv'\npath = 'x.csv'\nsplit_column = 'split'", True),
        ("kind = 'csv'\npath = 'x.csv'", False),
        ("kind = 'folder'\npath = '.'", False),
        ("kind = 'digits'", False),
    ],
)
def test_which_data_bring_a_split(
    load: Load, problems: Problems, tmp_path: Path, data: str, accepted: bool
) -> None:
    (tmp_path / "x.npz").touch()
    (tmp_path / "x.csv").touch()
    text = f"[arms.real]\n[split]\nmethod = 'given'\n[data]\n{data}\n"
    if accepted:
        assert load(text).split.method == "given"
    else:
        [message] = problems(text)
        assert message.startswith("study.toml:3: split.method: 'given' needs")


@pytest.mark.parametrize("method", ["", "method = 'k-fold'"])
def test_a_split_column_is_never_passed_over(
    problems: Problems, tmp_path: Path, method: str
) -> None:
    (tmp_path / "x.csv").touch()
    table = "kind = 'csv'\npath = 'x.csv'\nsplit_column = 'split'"
    [message] = problems(f"[arms.real]\n[split]\n{method}\n[data]\n{table}\n")
    assert message.startswith("study.toml:7: data.split_column: needs split.method 'given' but")
    [message] = problems(f"[arms.real]\n[data]\nkind = 'demo'\n[external]\n{table}\n")
    assert message.startswith("study.toml:7: external.split_column: cannot be followed")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("kind = 'acgan'", None),
        (
            "kind = 'classic'",
            "5: sources.s.select.by: 'discriminator' needs a trained generator but kind classic "
            "has none; use 'confidence' or 'distance'",
        ),
        (
            "kind = 'folder', path = '.'",
            "5: sources.s.select.by: 'discriminator' needs a trained generator but kind folder "
            "has none; use 'confidence' or 'distance'",
        ),
    ],
)
def test_only_generators_have_a_discriminator_to_select_by(
    problems: Problems, load: Load, source: str, problem: str | None
) -> None:
    text = HEAD + f"sources.s = {{{source}, select = {{by = 'discriminator', best = 1}}}}\n"
    text = text.replace('sources.acgan.kind = "acgan"\n', "") + "arms.real = {}"
    if problem is None:
        assert load(text).sources["s"].select is not None
    else:
        assert problems(text)[0].removeprefix("study.toml:") == problem.replace("5:", "4:", 1)


@pytest.mark.parametrize("metric", [*KNOWN_METRICS, "sensitivity@0.90"])
def test_known_metrics_are_accepted(load: Load, metric: str) -> None:
    assert (
        load(HEAD + f"arms.real = {{}}\nevaluation.metric = '{metric}'").evaluation.metric == metric
    )


def test_metrics_of_other_packages_are_accepted(
    load: Load, problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = EntryPoints([EntryPoint("youden", "foreign:youden", "augsearch.metrics")])
    monkeypatch.setattr(metric_names, "entry_points", lambda group: points.select(group=group))
    text = HEAD + "arms.real = {}\nevaluation.metric = "
    assert load(text + "'youden'").evaluation.metric == "youden"
    [message] = problems(text + "'yuden'")
    assert message.endswith(
        "brier, sensitivity@0.90, youden but got 'yuden' (did you mean 'youden'?)"
    )


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ("arms.real = {}\narms.s.search.source = 'acgan'", "real"),
        (
            "arms.real = {}\narms.even.balance = 'acgan'\n"
            "arms.s = {balance = 'acgan', search = {source = 'acgan'}}",
            "even",
        ),
        (
            "arms.real = {}\narms.even.balance = 'acgan'\n"
            "arms.s = {base = 'even', search = {source = 'acgan'}}",
            "even",
        ),
        (
            "arms.real = {}\narms.even.balance = 'classic'\n"
            "arms.s = {balance = 'acgan', search = {source = 'acgan'}}",
            "real",
        ),
        ("arms.even.balance = 'acgan'\narms.s.search.source = 'acgan'", "even"),
        ("arms.fix.add = [{source = 'classic', multiple = 2}]\narms.real = {}", "real"),
        ("arms.real = {}\narms.other = {}\nbaseline = 'other'", "other"),
        ("baseline = 'fix'\narms.fix.add = [{source = 'classic', multiple = 2}]", "fix"),
    ],
)
def test_which_arm_is_the_baseline(load: Load, arms: str, expected: str) -> None:
    assert load(HEAD + arms).baseline_arm == expected
