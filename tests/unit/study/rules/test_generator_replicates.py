import pytest

HEAD = """\
data.kind = "demo"
images.size = 64
sources.gan.kind = "acgan"
sources.function = {kind = "callable", function = "package.module:function"}
sources.classic.kind = "classic"
arms.real = {}
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "arms.a.balance = 'classic'\nevaluation.generator_replicates = 5",
            "8: evaluation.generator_replicates: needs a source that is trained (acgan, dcgan, "
            "wgan, callable or another package's) and that an arm uses, but there is none to train "
            "5 times; drop it",
        ),
        (
            "arms.a.balance = 'gan'\nevaluation.generator_replicates = 3",
            "8: evaluation.test_replicates: must be a multiple of generator_replicates, 3, so that "
            "every generator has as many trainings, but got 5; use 6",
        ),
        (
            "arms.a.balance = 'gan'\nevaluation = {generator_replicates = 4, test_replicates = 9}",
            "8: evaluation.test_replicates: must be a multiple of generator_replicates, 4, so that "
            "every generator has as many trainings, but got 9; use 12",
        ),
        (
            "arms.a.balance = 'gan'\nevaluation.generator_replicates = 5\n"
            "sources.gan.snapshot = 'last'\nevaluation.replicates = 3\n"
            "split = {train = 0.7, tune = 0.3, test = 0}",
            "8: evaluation.generator_replicates: needs a test set but split.test = 0; drop it, or "
            "set split.test above 0",
        ),
        (
            "arms.a.balance = 'gan'\nevaluation.generator_replicates = 0",
            "8: evaluation.generator_replicates: must be at least 1 but got 0",
        ),
    ],
)
def test_one_broken_rule_one_message(problems, lines, expected):
    assert problems(HEAD + lines) == [f"study.toml:{expected}"]


@pytest.mark.parametrize("source", ["gan", "function"])
def test_whatever_may_be_trained_can_be_trained_again(load, source):
    text = f"arms.a.balance = '{source}'\nevaluation.generator_replicates = 5"
    assert load(HEAD + text).evaluation.generator_replicates == 5
    assert load(HEAD + "arms.a.balance = 'classic'").evaluation.generator_replicates == 1
