from augsearch.lab.advice import Advice, advise
from augsearch.lab.simulation import RuleScore


def score(rule, regret, cost, window=None, replicates=1):
    return RuleScore(rule, window, replicates, 39, regret, 0.0, 0.0, 0.0, 20.0, cost)


def test_the_cheapest_of_the_rules_that_are_about_as_good_as_the_best():
    scores = [
        score("window 6", 0.0200, 0.5, window=6),
        score("window 12", 0.0108, 1.0, window=12),
        score("window 18", 0.0100, 1.8, window=18),
        score("window 18", 0.0099, 5.4, window=18, replicates=3),
        score("grid", 0.0051, 0.5),
        score("halving", 0.0040, 1.2),
        score("halving", 0.0025, 3.6, replicates=3),
    ]
    assert advise(scores) == Advice(39, "halving", 1, "window 12", 12, 1)


def test_replicates_are_advised_where_they_are_worth_it():
    scores = [
        score("window 12", 0.0108, 1.0, window=12),
        score("window 12", 0.0080, 3.0, window=12, replicates=3),
    ]
    assert advise(scores) == Advice(39, "window 12", 3, "window 12", 12, 3)
