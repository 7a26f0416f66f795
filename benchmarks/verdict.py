"""What the statistics of a verdict cost, and against a loop over pairs.

    python benchmarks/verdict.py

Two sections of the day's results:

`verdict`: the covariance of 600 models' AUCs over 1,000 images (goal about 0.1 s), and what a run
asks after a search of 60 K with 10 replicates: simultaneous intervals, the set of K that are as
good as the best, and the verdict on fresh trainings of two of them (goal under 1 s, all on 1,000
images).

`delong`: the test between two models against the textbook's double loop over pairs of a positive
and a negative image, in plain Python and with each row of pairs in NumPy. All give the same AUCs,
variance and p to 1e-10, which is asserted.
"""

import math
from statistics import NormalDist

import numpy as np
from measure import interleaved, record, table
from numpy.typing import NDArray

from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import DeLongResult, auc_covariance, delong_test
from augsearch.evaluation.inference.max_t import max_t
from augsearch.evaluation.inference.verdict import verdict
from augsearch.seeds import Seed

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

AMOUNTS, REPLICATES, IMAGES, FRESH = 60, 10, 1000, 10
CONFIDENCE = 0.95
SIZES = (40, 200, 1000)
AGREEMENT = 1e-10


def simulated(shape: tuple[int, ...], seed: Seed) -> tuple[Labels, Floats]:
    """Return labels, half of them 1, and scores, `shape`, of models whose AUC is about 0.8.

    What is hard about an image is shared by all models; scores are rounded, so there are ties.
    """
    generator = seed.generator()
    labels = np.arange(shape[-1]) % 2
    noise = generator.standard_normal(shape) + 1.5 * generator.standard_normal(shape[-1])
    return labels, np.round(2.1 * labels + noise, 2)


def pair_loop(labels: Labels, scores: list[Floats]) -> DeLongResult:
    """Compare two models by looking at every pair of images, as the paper's formulas read."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    aucs, of_positives, of_negatives = [], [], []
    for given in scores:
        model = given.tolist()
        v10, v01 = [0.0] * len(positive), [0.0] * len(negative)
        for i, p in enumerate(positive.tolist()):
            for j, n in enumerate(negative.tolist()):
                right = 1.0 if model[p] > model[n] else 0.5 if model[p] == model[n] else 0.0
                v10[i] += right / len(negative)
                v01[j] += right / len(positive)
        aucs.append(sum(v10) / len(v10))
        of_positives.append(v10)
        of_negatives.append(v01)
    return _tested(aucs, np.array(of_positives), np.array(of_negatives))


def row_loop(labels: Labels, scores: list[Floats]) -> DeLongResult:
    """Compare two models by a loop over positive images, each against all negatives at once."""
    aucs, of_positives, of_negatives = [], [], []
    for given in scores:
        positives, negatives = given[labels == 1], given[labels == 0]
        v10, v01 = np.zeros(len(positives)), np.zeros(len(negatives))
        for i, one in enumerate(positives):
            right = (one > negatives) + 0.5 * (one == negatives)
            v10[i] = right.mean()
            v01 += right / len(positives)
        aucs.append(v10.mean())
        of_positives.append(v10)
        of_negatives.append(v01)
    return _tested(aucs, np.array(of_positives), np.array(of_negatives))


def _tested(aucs: list[float], of_positives: Floats, of_negatives: Floats) -> DeLongResult:
    s10, s01 = np.cov(of_positives), np.cov(of_negatives)
    covariance = s10 / of_positives.shape[1] + s01 / of_negatives.shape[1]
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (aucs[0] - aucs[1]) / math.sqrt(variance)
    return DeLongResult(aucs[0], aucs[1], variance, z, 2 * NormalDist().cdf(-abs(z)))


def largest_difference(one: DeLongResult, other: DeLongResult) -> float:
    """Return by how much the two differ at most, in any of their numbers."""
    pairs = zip(vars(one).values(), vars(other).values(), strict=True)
    return max(abs(a - b) for a, b in pairs)


def measure_verdict() -> None:
    """Time the covariance, and each part of what a run asks."""
    labels, searched = simulated((AMOUNTS, REPLICATES, IMAGES), Seed.of(0, "searched"))
    _, fresh = simulated((2, FRESH, IMAGES), Seed.of(0, "fresh"))
    models, seed = searched.reshape(-1, IMAGES), Seed.of(0, "draws")
    tasks = {
        "covariance": lambda: auc_covariance(labels, models),
        "intervals": lambda: max_t(labels, searched, 0, CONFIDENCE, seed),
        "as good as the best": lambda: confidence_set(labels, searched, CONFIDENCE, seed),
        "verdict": lambda: verdict(labels, fresh[0], fresh[1], CONFIDENCE),
    }
    seconds = interleaved(tasks, 5)
    asked = sum(seconds.values()) - seconds["covariance"]
    rows = [*seconds.items(), ("a run's verdict: the last three", asked)]
    print(table(("", "s"), rows))
    headline = [
        row(f"covariance of {len(models)} AUCs, {IMAGES} images", 1e3 * seconds["covariance"]),
        row(f"verdict: {AMOUNTS} K x {REPLICATES} replicates x {IMAGES} images", 1e3 * asked),
    ]
    facts = {"amounts": AMOUNTS, "replicates": REPLICATES, "images": IMAGES, "seconds": seconds}
    record("verdict", {**facts, "headline": headline})


def measure_delong() -> None:
    """Time the test against both loops, for several numbers of images."""
    found, rows = [], []
    for n_images in SIZES:
        labels, scores = simulated((2, n_images), Seed.of(n_images, "delong"))
        a, b = list(scores)
        ours = delong_test(labels, a, b)
        difference = max(
            largest_difference(ours, loop(labels, [a, b])) for loop in (pair_loop, row_loop)
        )
        if difference > AGREEMENT:
            raise SystemExit(f"{n_images} images: the tests differ by {difference}")
        tasks = {
            "augsearch": lambda labels=labels, a=a, b=b: delong_test(labels, a, b),
            "pairs": lambda labels=labels, a=a, b=b: pair_loop(labels, [a, b]),
            "rows": lambda labels=labels, a=a, b=b: row_loop(labels, [a, b]),
        }
        seconds = interleaved(tasks, 7)
        found.append({"images": n_images, "seconds": seconds, "largest_difference": difference})
        rows.append((n_images, *(1e3 * one for one in seconds.values()), difference))
    print(table(("images", "augsearch, ms", "loop over pairs, ms", "over rows, ms", "apart"), rows))
    last = found[-1]["seconds"]
    what = f"DeLong test of two models, {SIZES[-1]} images"
    headline = [
        row(what, 1e3 * last["augsearch"], 1e3 * last["pairs"], "a loop over pairs"),
        row(what, 1e3 * last["augsearch"], 1e3 * last["rows"], "a loop over rows of pairs"),
    ]
    record("delong", {"sizes": found, "headline": headline})


def row(what: str, ours: float, other: float | None = None, against: str = "") -> dict[str, object]:
    """Return a row of the README's table, in ms."""
    if other is None:
        return {"what": what, "augsearch": ours, "unit": "ms"}
    rival = {"other": other, "against": against, "ratio": other / ours}
    return {"what": what, "augsearch": ours, "unit": "ms", **rival}


if __name__ == "__main__":
    measure_verdict()
    measure_delong()
