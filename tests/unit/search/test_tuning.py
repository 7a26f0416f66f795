import itertools
import math
from contextlib import suppress

import numpy as np
import pytest
from optuna import load_study
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from augsearch.errors import RunDirectoryError, StorageError
from augsearch.files import exclusive
from augsearch.search.tuning import SettingTrial, best_setting, try_settings
from augsearch.seeds import Seed
from augsearch.study.schema.tune import TuneOptions

GRID = TuneOptions.model_validate(
    {"parameters": {"head.batch_size": [8, 16, 32], "head.outputs": ["softmax", "sigmoid"]}}
)
TPE = TuneOptions.model_validate(
    {
        "method": "tpe",
        "trials": 16,  # Optuna draws the first ten blindly
        "parameters": {
            "head.learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
            "head.epochs": {"low": 1, "high": 50},
            "head.outputs": ["softmax", "sigmoid"],
        },
    }
)


class Killed(BaseException):
    """As SIGKILL: nothing in the code under test catches it."""


@pytest.fixture
def tune(tmp_path):
    def run(score, options=GRID, direction="maximize", seed=0, file="ledger.db", **more):
        return try_settings(
            score,
            options,
            direction=direction,
            seed=Seed.of(seed),
            storage=f"sqlite:///{tmp_path}/{file}",
            study_name="arm (tune)",
            **more,
        )

    return run


@pytest.fixture
def trials(tmp_path):
    """The trials of the stored study, as Optuna has them."""

    def read(file="ledger.db"):
        storage = RDBStorage(f"sqlite:///{tmp_path}/{file}")
        try:
            return load_study(study_name="arm (tune)", storage=storage).get_trials()
        finally:
            storage.remove_session()
            storage.engine.dispose()

    return read


def merit(number, setting):
    """A score with its best at a learning rate of 0.003 and many epochs."""
    rate = abs(math.log10(setting.get("head.learning_rate", 0.003) / 0.003))
    size = setting.get("head.batch_size", 8) / 100
    return [setting.get("head.epochs", 0) / 100 - rate + size, 0.25]


def refuse(number, setting):
    raise AssertionError("nothing should be trained")


def killed_at(moment):
    def score(number, setting):
        if number == moment:
            raise Killed
        return merit(number, setting)

    return score


def test_a_grid_tries_every_combination_in_order(tune):
    told = []
    found = tune(lambda number, setting: told.append(number) or [number, number + 1])
    sizes, outputs = [8, 16, 32], ["softmax", "sigmoid"]
    assert [tuple(one.setting.values()) for one in found] == list(itertools.product(sizes, outputs))
    assert [list(one.setting) for one in found] == [list(GRID.parameters)] * 6
    assert told == list(range(6))
    assert [one.scores for one in found] == [(n, n + 1.0) for n in range(6)]
    assert [one.mean for one in found] == [n + 0.5 for n in range(6)]


def test_values_keep_their_types(tune):
    options = TuneOptions.model_validate(
        {"parameters": {"a": [True, False], "b": [1, 2.5], "c": ["1"]}}
    )
    first = tune(lambda number, setting: [0.0], options)
    for found in (first, tune(refuse, options)):
        values = [tuple(one.setting.values()) for one in found]
        assert values == [(True, 1, "1"), (True, 2.5, "1"), (False, 1, "1"), (False, 2.5, "1")]
        assert {tuple(map(type, one)) for one in values} == {(bool, int, str), (bool, float, str)}


def test_tpe_does_not_count_out_all_combinations(tune):
    lists = {f"x{n}": list(range(100)) for n in range(8)}  # 10,000 million million of them
    options = TuneOptions.model_validate({"method": "tpe", "trials": 2, "parameters": lists})
    assert len(tune(lambda number, setting: [0.0], options)) == 2


def test_tpe_stays_in_its_ranges_and_learns(tune):
    found = tune(merit, TPE)
    assert len(found) == 16
    for one in found:
        rate, epochs, outputs = one.setting.values()
        assert 1e-5 <= rate <= 1e-1
        assert isinstance(epochs, int) and 1 <= epochs <= 50
        assert outputs in ("softmax", "sigmoid")
    assert len({tuple(one.setting.values()) for one in found}) == 16
    blind, led = found[:10], found[10:]
    assert np.mean([one.mean for one in led]) > np.mean([one.mean for one in blind])


def test_tpe_follows_from_the_seed_alone(tune):
    first = tune(merit, TPE, file="a.db")
    assert tune(merit, TPE, file="b.db") == first
    assert tune(merit, TPE, file="c.db", seed=1) != first


@pytest.mark.parametrize("options", [GRID, TPE], ids=["grid", "tpe"])
def test_killed_at_any_setting_it_ends_as_if_undisturbed(tune, options):
    undisturbed = tune(merit, options, file="whole.db")
    for moment in range(len(undisturbed)):
        with pytest.raises(Killed):
            tune(killed_at(moment), options)
    tried = []
    found = tune(lambda n, setting: tried.append(n) or merit(n, setting), options)
    assert found == undisturbed
    assert tried == [len(undisturbed) - 1]
    assert tune(refuse, options) == undisturbed


def test_progress_is_told_of_what_is_tried_now(tune):
    told = []

    def progress(done, wanted, newest):
        told.append((done, wanted, newest))

    with pytest.raises(Killed):
        tune(killed_at(2), progress=progress)
    found = tune(merit, progress=progress)
    assert told == [
        (0, 6, None),
        (1, 6, found[0]),
        (2, 6, found[1]),
        (2, 6, None),
        *((n + 1, 6, found[n]) for n in range(2, 6)),
    ]
    told.clear()
    tune(refuse, progress=progress)
    assert told == [(6, 6, None)]


@pytest.mark.parametrize(
    ("options", "owner", "step"),
    [
        (GRID, "Study", "enqueue_trial"),
        (GRID, "Study", "ask"),
        (GRID, "Trial", "set_user_attr"),
        (TPE, "Study", "ask"),
        (TPE, "Trial", "suggest_int"),
        (TPE, "Study", "tell"),
    ],
)
def test_killed_between_two_calls_of_optuna(tune, trials, options, owner, step, monkeypatch):
    undisturbed = tune(merit, options, file="whole.db")
    for calls in (1, 3):
        with monkeypatch.context() as patch:
            _kill_after(patch, owner, step, calls)
            with suppress(Killed):
                tune(merit, options)
    assert tune(merit, options) == undisturbed
    states = [one.state for one in trials()]
    assert states.count(TrialState.COMPLETE) == len(undisturbed)
    assert not {TrialState.RUNNING, TrialState.WAITING} & set(states)


def _kill_after(patch, owner, method, calls):
    """Let `calls` calls of a method of Optuna pass, and die at once after the last of them."""
    import optuna

    kind = getattr(optuna, owner)
    original = getattr(kind, method)
    left = iter(range(calls - 1, -1, -1))

    def counted(*arguments, **options):
        result = original(*arguments, **options)
        if next(left) == 0:
            raise Killed
        return result

    patch.setattr(kind, method, counted)


@pytest.mark.parametrize(("direction", "worst"), [("maximize", -math.inf), ("minimize", math.inf)])
def test_scores_that_are_not_finite_are_kept_and_never_win(tune, trials, direction, worst):
    odd = {0: [math.nan, 1.0], 1: [math.inf, 1.0], 2: [-math.inf, math.inf], 3: [-math.inf, 0.0]}
    first = tune(lambda n, _: odd.get(n, [0.5, n]), direction=direction)
    again = tune(refuse, direction=direction)
    assert repr(again) == repr(first)  # NaN is not equal to itself
    assert [repr(one.scores[0]) for one in again][:4] == ["nan", "inf", "-inf", "-inf"]
    assert math.isnan(first[0].mean)
    assert best_setting(again, direction) == (5 if direction == "maximize" else 4)
    assert [one.value for one in trials()] == [worst] * 4 + [2.25, 2.75]


@pytest.mark.parametrize(
    ("means", "direction", "chosen"),
    [
        ([0.1, 0.9, 0.9, 0.2], "maximize", 1),
        ([0.3, 0.1, 0.1], "minimize", 1),
        ([math.nan, math.inf, 0.2], "maximize", 2),
        ([math.nan, -math.inf, 0.2], "minimize", 2),
        ([math.nan, math.nan], "maximize", None),
        ([], "maximize", None),
    ],
)
def test_the_best_setting_is_the_first_of_the_best_finite_means(means, direction, chosen):
    tried = [SettingTrial({"x": n}, (mean, mean)) for n, mean in enumerate(means)]
    assert best_setting(tried, direction) == chosen


def test_one_process_at_a_time(tune, tmp_path):
    with exclusive(tmp_path / "ledger.db.lock"), pytest.raises(RunDirectoryError):
        tune(merit)


def test_a_damaged_ledger_is_named(tune, tmp_path):
    tune(merit)
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="ledger is damaged"):
        tune(merit)
