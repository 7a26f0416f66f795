from augsearch.report.cost import arm_costs


def test_costs_count_every_training_of_every_amount(make):
    costs = {one.arm: one for one in arm_costs(make(n_folds=2))}
    more = costs["more"]
    # 3 amounts, 2 folds, 3 replicates; 60, 560 and 1,060 images.
    assert (more.trials, more.trainings) == (3, 18)
    assert (more.smallest, more.largest) == (60, 1060)
    assert more.images == 6 * (60 + 560 + 1060)
    assert costs["real"].trainings == 6
