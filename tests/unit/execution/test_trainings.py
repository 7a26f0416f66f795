from types import SimpleNamespace

import numpy as np
import pytest

from augsearch.events import silent
from augsearch.execution.engines.local import LOCAL
from augsearch.execution.recipes import Recipe
from augsearch.execution.trainings import TUNE, Cell, Job, shared_out, train_cells
from augsearch.seeds import Seed


def cell(fold, stream, added):
    recipe = Recipe((6, 4)).plus("endless", (added, added))
    return Cell(recipe, stream, Seed.of(fold, stream), fold)


CELLS = [cell(fold, stream, added) for added in (2, 5, 3) for fold in (0, 1) for stream in (0, 1)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("workers", [1, 3, 9])
def test_answers_do_not_depend_on_how_many_workers_there_are(
    make_fold, classifier, workers, together, monkeypatch
):
    monkeypatch.setattr(type(classifier), "fits_together", together)
    job = Job(classifier, [make_fold(0), make_fold(1)])
    expected = [job.train([one], silent)[0].outputs[TUNE] for one in CELLS]
    engine = SimpleNamespace(workers=workers, map=LOCAL.map)
    answers = list(train_cells(engine, job, CELLS, silent))
    assert len(answers) == len(CELLS)
    for answer, output in zip(answers, expected, strict=True):
        assert np.array_equal(answer.outputs[TUNE], output)


def test_without_a_gain_by_it_cells_are_trained_as_they_are_asked_for(
    make_fold, classifier, monkeypatch
):
    monkeypatch.setattr(type(classifier), "fits_together", False)
    answers = train_cells(LOCAL, Job(classifier, [make_fold(0), make_fold(1)]), CELLS, silent)
    next(answers)
    assert len(classifier.sets) == 1


def test_images_are_needed_in_one_place_alone():
    for workers in (1, 2, 3, 4, 7):
        shares = shared_out(CELLS, workers)
        assert len(shares) == min(workers, 4)
        assert sorted(n for share in shares for n in share) == list(range(len(CELLS)))
        assert all(share == sorted(share) for share in shares)
        places = [{(CELLS[n].fold, CELLS[n].stream) for n in share} for share in shares]
        assert len(set.union(*places)) == sum(map(len, places)) == 4
        images = [sum(len(CELLS[n].recipe) for n in share) for share in shares]
        assert max(images) - min(images) <= sum(len(one.recipe) for one in CELLS) / 4
    assert shared_out([], 4) == []
