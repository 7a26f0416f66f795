from dataclasses import replace

import pytest

from augsearch.report.cost import arm_costs


def test_costs_count_every_training_of_every_amount(make):
    costs = {one.arm: one for one in arm_costs(make(n_folds=2))}
    more = costs["more"]
    # 3 amounts, 2 folds, 3 replicates; 60, 560 and 1,060 images.
    assert (more.trials, more.trainings) == (3, 18)
    assert (more.smallest, more.largest) == (60, 1060)
    assert more.images == 6 * (60 + 560 + 1060)
    assert costs["real"].trainings == 6


def test_an_arm_costs_what_its_own_search_took(make):
    contents = make(n_folds=2)
    seconds = {"sources": 99.0, "search more": 12.0}
    contents = replace(contents, result=contents.result.model_copy(update={"seconds": seconds}))
    costs = {one.arm: one for one in arm_costs(contents)}
    assert costs["more"].seconds_per_trial == 12.0 / 3
    assert costs["more"].images_per_second == pytest.approx(costs["more"].images / 12.0)
    assert costs["real"].seconds_per_trial is None and costs["real"].images_per_second is None
