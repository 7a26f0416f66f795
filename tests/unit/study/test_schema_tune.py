import pytest

from augsearch.study.schema.tune import Range

HEAD = 'data.kind = "demo"\narms.real = {}\n'


@pytest.mark.parametrize(
    ("tune", "parameters"),
    [
        ('parameters = {"head.epochs" = [5, 20]}', {"head.epochs": (5, 20)}),
        ('parameters.weights = ["random"]', {"weights": ("random",)}),
        (
            "method = 'tpe'\n[tune.parameters]\n"
            '"head.learning_rate" = {low = 1e-5, high = 1, log = true}\n'
            '"head.epochs" = {low = 1, high = 50}\n"head.batch_size" = [8, 16]',
            {
                "head.learning_rate": Range(low=1e-5, high=1, log=True),
                "head.epochs": Range(low=1, high=50),
                "head.batch_size": (8, 16),
            },
        ),
    ],
)
def test_lists_and_ranges(load, tune, parameters):
    found = load(f"{HEAD}[tune]\n{tune}").tune
    assert found.parameters == parameters
    assert (found.trials, found.replicates) == (20, 5)


def test_whole_numbers_stay_whole(load):
    # Optuna is asked for whole numbers where both ends are.
    text = "[tune]\nmethod = 'tpe'\nparameters.input_size = {low = 32, high = 64}"
    values = load(HEAD + text).tune.parameters["input_size"]
    assert (type(values.low), type(values.high)) == (int, int)


@pytest.mark.parametrize(
    ("tune", "expected"),
    [
        ("method = 'grid'", "3: tune.parameters: is missing"),
        ("parameters = {}", "4: tune.parameters: must have at least 1 entry but got a table"),
        (
            "parameters = {'head.epochs' = [1]}\nmethod = 'gird'",
            "5: tune.method: must be one of grid, tpe but got 'gird' (did you mean 'grid'?)",
        ),
        (
            "parameters = {'head.epochs' = [1]}\nreplicates = 0",
            "5: tune.replicates: must be at least 1 but got 0",
        ),
        (
            "parameters = {'head.epochs' = [1]}\ntrials = 0",
            "5: tune.trials: must be at least 1 but got 0",
        ),
        (
            "parameters = {'head.epochs' = []}",
            '4: tune.parameters."head.epochs": must have at least 1 entry but got []',
        ),
        (
            "parameters = {'head.epochs' = 3}",
            '4: tune.parameters."head.epochs": must be a list, [like, this], but got 3',
        ),
        (
            "parameters = {'head.epochs' = [1, 2, 1]}",
            '4: tune.parameters."head.epochs": must be different values but got [1, 2, 1]',
        ),
        (
            "parameters = {'head.epochs' = [\n1,\n[2]]}",
            '6: tune.parameters."head.epochs".1: must be a finite number, a text, true or false, '
            "but got [2]",
        ),
        (
            "parameters = {'head.learning_rate' = [nan]}",
            '4: tune.parameters."head.learning_rate".0: must be a finite number, a text, true or '
            "false, but got NaN",
        ),
        (
            "parameters.head.epochs = [1, 2]",
            "4: tune.parameters.head: must be a list of values or a range, {low = ..., high = "
            '...}; a key with a dot stands in quotes, as in "head.batch_size" = [8, 16]',
        ),
        (
            "parameters = {'head.epochs' = {low = 1, high = 9}}",
            "3: tune: method 'grid' must have a list of values for head.epochs but got a range; "
            "list them, or use method 'tpe'",
        ),
        (
            "method = 'tpe'\nparameters = {'head.epochs' = {low = 1}}",
            '5: tune.parameters."head.epochs".high: is missing',
        ),
        (
            "method = 'tpe'\nparameters = {'head.epochs' = {low = 1, high = inf}}",
            '5: tune.parameters."head.epochs".high: must be a finite number but got Infinity',
        ),
        (
            "method = 'tpe'\nparameters = {'head.epochs' = {low = 1, high = 9, loog = true}}",
            "5: tune.parameters.\"head.epochs\".loog: unknown key (did you mean 'log'?)",
        ),
        (
            "method = 'tpe'\nparameters = {'head.epochs' = {low = 9, high = 9}}",
            '5: tune.parameters."head.epochs": low must lie below high (and above 0 with log) but '
            "got 9 and 9",
        ),
        (
            "method = 'tpe'\nparameters = {'head.penalty' = {low = 0, high = 9, log = true}}",
            '5: tune.parameters."head.penalty": low must lie below high (and above 0 with log) but '
            "got 0 and 9",
        ),
    ],
)
def test_one_broken_rule_one_message(problems, tune, expected):
    assert problems(f"{HEAD}[tune]\n{tune}") == [f"study.toml:{expected}"]
