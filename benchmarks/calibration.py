"""How often does augsearch claim a gain that is not there? Simulated studies, one command.

    python benchmarks/calibration.py

prints tables and writes them to benchmarks/calibration.md and, as numbers, to calibration.json
beside it. 2,000 studies per cell take about seven minutes of CPU time on one core; `--studies 100`
gives a first impression in half a minute.

A simulated study is binormal. The score of image i, label y_i, by training r of amount k is

    x = d(A_k + luck_kr) · y_i + sqrt(.7) h_i + sqrt(.15) c_ki + sqrt(.15) e_kri,

all noise standard normal, luck of SD 0.015, d(A) = sqrt(2) · Φ⁻¹(A): its expected AUC is A_k. How
hard an image is (h) is common to all trainings, what a recipe makes of it (c) to the trainings of
one amount, searched or fresh. A_1 = 0.80; A_k = 0.80 + gain for k > 1, so that the gain of whatever
is chosen is known.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from augsearch.evaluation.inference.confidence_set import confidence_set
from augsearch.evaluation.inference.delong import delong_test
from augsearch.evaluation.inference.endpoints import endpoint_gain
from augsearch.evaluation.inference.max_t import max_t
from augsearch.evaluation.inference.verdict import verdict
from augsearch.evaluation.metrics import auc, get_metric
from augsearch.files import write_json, write_text
from augsearch.seeds import Seed

Floats = NDArray[np.float64]

BASE_AUC, LUCK, AMOUNTS, WINDOW = 0.80, 0.015, 26, 12
COMMON, OF_RECIPE, OF_TRAINING = np.sqrt([0.70, 0.15, 0.15])
FRESH, SEARCHED = 5, 3
"""Fresh trainings per arm for the verdict; replicates of a search that has no test set."""
TUNING, TEST, SWEPT = (39, 200), (79, 158, 400, 1000), (39, 200, 1000)
GAIN = 0.05
ENDPOINT_TEST = (79, 400)
ENDPOINTS = ("accuracy", "kappa", "sensitivity@0.90", "brier")
CONFIDENCE = 0.95

Outcome = dict[str, float]
Row = dict[str, float | str]
Simulate = Callable[[Seed, float], Outcome]


class Study:
    """One simulated study; every draw comes from its own seed."""

    def __init__(self, seed: Seed, gain: float) -> None:
        self.seed, self.gain = seed, gain
        self.generator = seed.generator()
        self.aucs = BASE_AUC + gain * (np.arange(AMOUNTS) > 0)

    def trainings(self, amounts: NDArray[np.int64], replicates: int) -> Floats:
        """Return the true AUC of each training, (amounts, replicates)."""
        luck = LUCK * self.generator.standard_normal((len(amounts), replicates))
        return np.clip(self.aucs[amounts, None] + luck, 0.5, 0.999)

    def images(self, n: int, amounts: int) -> tuple[NDArray[np.int64], Floats]:
        """Return labels, (n,), and what all trainings of an amount share, (amounts, 1, n)."""
        hard = COMMON * self.generator.standard_normal(n)
        own = OF_RECIPE * self.generator.standard_normal((amounts, 1, n))
        return (np.arange(n) < n // 2).astype(np.int64), hard + own

    def scores(self, labels: NDArray[np.int64], shared: Floats, aucs: Floats) -> Floats:
        """Return the scores of the trainings, (amounts, replicates, n)."""
        noise = self.generator.standard_normal((*aucs.shape, len(labels)))
        separation = np.sqrt(2) * ndtri(aucs)
        return np.asarray(separation[..., None] * labels + shared + OF_TRAINING * noise)


def window_search(scores: Floats) -> int:
    """Return the index that a sliding window chooses from the scores of all amounts."""
    best = 0
    for k in range(1, len(scores)):
        if scores[k] > scores[best]:
            best = k
        if k - best >= WINDOW:
            break
    return best


OUTCOMES = ("moved", "optimism", "delong_tuning", "delong_test", "helps", "harms", "covered")


def searched_study(n_tuning: int, n_test: int, seed: Seed, gain: float) -> Outcome:
    """Search, test once: what the naive tests say, and what the verdict says."""
    study = Study(seed, gain)
    everything = np.arange(AMOUNTS)
    models = study.trainings(everything, 1)
    labels, shared = study.images(n_tuning, AMOUNTS)
    tuned = study.scores(labels, shared, models)[:, 0]
    found = auc(labels, tuned)
    chosen = window_search(found)
    if chosen == 0:
        return dict.fromkeys(OUTCOMES, 0.0) | {"optimism": float(found[0]) - BASE_AUC}
    on_tuning = delong_test(labels, tuned[chosen], tuned[0])
    pair = np.array([0, chosen])
    labels, shared = study.images(n_test, 2)
    naive = study.scores(labels, shared, models[pair])[:, 0]
    on_test = delong_test(labels, naive[1], naive[0])
    base, fresh = study.scores(labels, shared, study.trainings(pair, FRESH))
    answer = verdict(labels, base, fresh, CONFIDENCE)
    return {
        "moved": True,
        "optimism": found[chosen] - study.aucs[chosen],
        "delong_tuning": on_tuning.p_value < 0.05 and on_tuning.z > 0,
        "delong_test": on_test.p_value < 0.05 and on_test.z > 0,
        "helps": answer.label == "helps",
        "harms": answer.label == "harms",
        "covered": answer.low <= gain <= answer.high,
    }


def swept_study(n_tuning: int, seed: Seed, gain: float) -> Outcome:
    """Evaluate every amount, no test set: max-T, and the confidence set of K."""
    study = Study(seed, gain)
    labels, shared = study.images(n_tuning, AMOUNTS)
    scores = study.scores(labels, shared, study.trainings(np.arange(AMOUNTS), SEARCHED))
    best = int(auc(labels, scores).mean(axis=1).argmax())
    found = max_t(labels, scores, 0, CONFIDENCE, seed.child("max-t"))
    truth = study.aucs - BASE_AUC
    kept = confidence_set(labels, scores, CONFIDENCE, seed.child("set")).kept
    return {
        "helps": found.verdict(best).label == "helps",
        "covered": bool(((found.low <= truth) & (truth <= found.high)).all()),
        "best_kept": bool(kept[-1]),
        "kept": int(kept.sum()),
    }


def endpoint_study(n_test: int, seed: Seed, gain: float) -> Outcome:
    """Compare fresh trainings of two recipes in other endpoints than the AUC."""
    study = Study(seed, gain)
    labels, shared = study.images(n_test, 2)
    scores = study.scores(labels, shared, study.trainings(np.array([0, 1]), FRESH))
    positive = ndtr(scores - 0.6)  # decisions at 0.5 fall halfway between the classes
    base, chosen = np.stack([1 - positive, positive], axis=-1)
    row: Outcome = {}
    for name in ENDPOINTS:
        answer = endpoint_gain(
            get_metric(name), labels, base, chosen, CONFIDENCE, seed.child(name), draws=1000
        )
        row[f"{name} helps"] = answer.label == "helps"
    return row


def means(simulate: Simulate, studies: int, gain: float, *cell: int | str) -> Outcome:
    """Return the mean of every outcome over the studies of a cell."""
    # The same seeds with and without gain: power and false claims differ by the truth alone.
    rows = [simulate(Seed.of(0, *cell, number), gain) for number in range(studies)]
    return {key: math.fsum(row[key] for row in rows) / studies for key in rows[0]}


def searched_table(studies: int) -> list[Row]:
    """Return false claims, coverage and power of every tuning and test size."""
    table: list[Row] = []
    for n_tuning in TUNING:
        for n_test in TEST:
            simulate = partial(searched_study, n_tuning, n_test)
            cell = ("searched", n_tuning, n_test)
            flat, risen = (means(simulate, studies, gain, *cell) for gain in (0.0, GAIN))
            row: Row = {"n_tuning": n_tuning, "n_test": n_test, "studies": studies, **flat}
            row["coverage"] = flat["covered"] / (flat["moved"] or 1.0)
            row["coverage_gain"] = risen["covered"] / (risen["moved"] or 1.0)
            table.append(row | {"power": risen["helps"]})
    return table


def swept_table(studies: int) -> list[Row]:
    """Return the same for max-T, and what the confidence set keeps, of every tuning size."""
    table: list[Row] = []
    for n_tuning in SWEPT:
        simulate = partial(swept_study, n_tuning)
        flat = means(simulate, studies, 0.0, "swept", n_tuning)
        risen = means(simulate, max(1, studies // 4), GAIN, "swept", n_tuning)
        row: Row = {"n_tuning": n_tuning, "studies": studies, **flat}
        table.append(row | {"power": risen["helps"]})
    return table


def endpoint_table(studies: int) -> list[Row]:
    """Return false claims and power of other endpoints, of two test sizes."""
    table: list[Row] = []
    for n_test in ENDPOINT_TEST:
        simulate = partial(endpoint_study, n_test)
        flat, risen = (means(simulate, studies, gain, "ends", n_test) for gain in (0.0, GAIN))
        for name in ENDPOINTS:
            row: Row = {"endpoint": name, "n_test": n_test, "studies": studies}
            table.append(row | {"helps": flat[f"{name} helps"], "power": risen[f"{name} helps"]})
    return table


def sizes(row: Row) -> list[str]:
    return [str(row[key]) for key in SIZES if key in row]


def shown(row: Row, columns: dict[str, str]) -> list[str]:
    values = {key: float(row[key]) for key in columns}
    return [
        f"{value:+.3f}" if key == "optimism" else f"{100 * value:.1f} %"
        for key, value in values.items()
    ]


def markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def report(found: dict[str, list[Row]], studies: int, seconds: float) -> str:
    """Return the tables with what they mean."""
    error = 100 * 1.96 * math.sqrt(0.025 * 0.975 / studies)
    searched = [[*sizes(r), *shown(r, SEARCHED_COLUMNS)] for r in found["searched"]]
    swept = [[*sizes(r), *shown(r, SWEPT_COLUMNS), f"{r['kept']:.1f}"] for r in found["swept"]]
    ends = [[r["endpoint"], *sizes(r), *shown(r, ENDPOINT_COLUMNS)] for r in found["endpoints"]]
    return TEXT.format(
        studies=studies,
        quarter=max(1, studies // 4),
        seconds=seconds,
        error=error,
        searched=markdown([*SIZES.values(), *SEARCHED_COLUMNS.values()], searched),
        swept=markdown(["tuning images", *SWEPT_COLUMNS.values(), "of 26 K it keeps"], swept),
        endpoints=markdown(["endpoint", "test images", *ENDPOINT_COLUMNS.values()], ends),
    )


SIZES = {"n_tuning": "tuning images", "n_test": "test images"}
SEARCHED_COLUMNS = {
    "moved": "K > 1 chosen",
    "optimism": "tuning AUC too high by",
    "delong_tuning": "DeLong, tuning set: false helps",
    "delong_test": "DeLong, test set: false helps",
    "helps": "**verdict: false helps**",
    "harms": "verdict: false harms",
    "coverage": "interval holds 0",
    "coverage_gain": "interval holds 0.05",
    "power": "power at 0.05",
}
SWEPT_COLUMNS = {
    "helps": "**max-T: false helps**",
    "power": "power at 0.05",
    "covered": "all gains in their intervals",
    "best_kept": "confidence set holds the last K",
}
ENDPOINT_COLUMNS = {"helps": "**false helps**", "power": "power at an AUC gain of 0.05"}

TEXT = """\
# Calibration of the verdict
Made by `python benchmarks/calibration.py --studies {studies}` ({seconds:.0f} s on one core). The
model is in the file's first lines: binormal scores, base AUC 0.80, training luck of SD 0.015, 70 %
of the noise common to all trainings on an image. Nominal for a false "helps" is 2.5 %; with
{studies} studies the Monte-Carlo error of such a rate is ± {error:.1f} percentage points (95 %).

## With a test set
{studies} studies per cell and truth. A window search (w = 12, up to 26 amounts, one training each)
chooses K on the tuning set. The naive tests compare the two searched models, as published: on the
tuning set, and on a test set that nobody touched. The verdict trains the chosen K and K = 1 five
times anew. False claims: adding images does nothing. Power and the second coverage: every K > 1 is
better by 0.05. Coverage is that of the studies that chose K > 1; the others claim nothing.

{searched}

## Without a test set
{studies} studies per cell (power: {quarter}), all 26 amounts with 3 trainings each; the claim is
about the amount with the best tuning score.

{swept}

## Other endpoints
{quarter} studies per cell and truth, five trainings per arm, 1,000 bootstrap draws.

{endpoints}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies per cell")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder")
    options = parser.parse_args(arguments)
    if options.studies < 1:
        parser.error(f"--studies must be at least 1 but got {options.studies}")
    start = time.perf_counter()
    found = {
        "searched": searched_table(options.studies),
        "swept": swept_table(options.studies),
        "endpoints": endpoint_table(max(1, options.studies // 4)),
    }
    text = report(found, options.studies, time.perf_counter() - start)
    write_text(options.out / "calibration.md", text)
    write_json(options.out / "calibration.json", {"studies": options.studies, **found})
    print(text)


if __name__ == "__main__":
    main()
