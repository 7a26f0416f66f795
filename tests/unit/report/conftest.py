from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from augsearch.report.contents import (
    Likeness,
    Outputs,
    ReportContents,
    Sample,
    TunedArm,
    TuningOutputs,
)
from augsearch.study.results import (
    ArmResult,
    HistoryEntry,
    Interval,
    StudyResult,
    VerdictResult,
)
from augsearch.study.schema.arms import Arm, SearchOptions
from augsearch.study.schema.report import TableOptions
from augsearch.study.schema.study import StudyFile

Make = Callable[..., ReportContents]

SETTINGS = [
    {"head.batch_size": size, "head.decay": rate} for size in (8, 16) for rate in (0.5, 1e-5)
]
AMOUNTS = (0.0, 500.0, 1000.0)


STUDY = StudyFile.model_validate(
    {
        "name": "s",
        "data": {"kind": "demo", "train": 24, "tune": 18, "test": 24},
        "sources": {"gan": {"kind": "callable", "function": "made:elsewhere"}},
        "arms": {
            "real": {},
            "more": {"search": {"source": "gan", "rule": "saturation", "added": [0, 500]}},
        },
        "evaluation": {"metric": "kappa"},
    }
)


def changed(
    study: StudyFile,
    metric: str | None = None,
    tables: Mapping[str, TableOptions] | None = None,
    searches: Mapping[str, SearchOptions] | None = None,
) -> StudyFile:
    update: dict[str, Any] = {}
    if metric is not None:
        update["evaluation"] = study.evaluation.model_copy(update={"metric": metric})
    if tables is not None:
        update["report"] = study.report.model_copy(update={"tables": tables})
    if searches is not None:
        named = dict.fromkeys([*study.arms, *searches])
        update["arms"] = {name: Arm(search=searches.get(name)) for name in named}
    return study.model_copy(update=update)


def outputs(
    random: np.random.Generator, labels: NDArray[np.int64], n_classes: int, runs: int, skill: float
) -> NDArray[np.float64]:
    logits = random.normal(size=(runs, len(labels), n_classes))
    logits[:, np.arange(len(labels)), labels] += skill
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def tuning_folds(
    random: np.random.Generator, n_classes: int, n_folds: int, skill: float, size: int = 24
) -> list[Sample]:
    # Folds of different sizes: pooled values are not the mean of the folds' values.
    every = [np.arange(size + 6 * fold) % n_classes for fold in range(n_folds)]
    return [Sample(labels, outputs(random, labels, n_classes, 3, skill)) for labels in every]


def arm_result(
    history: Sequence[HistoryEntry], chosen: int, unit: str, searched: bool
) -> ArmResult:
    return ArmResult.model_validate(
        {
            "multiple": history[chosen].multiple,
            "unit": unit,
            "n_train": 60 + 500 * chosen,
            "score": history[chosen].score,
            "stopped_at": history[-1].multiple if searched else None,
            "reason": "all amounts" if searched else None,
            "history": list(history),
            "test": {"auc": Interval(value=0.8, low=0.7, high=0.9)},
            "external": None,
            "gain": Interval(value=0.1, low=0.05, high=0.15) if searched else None,
        }
    )


@pytest.fixture
def make() -> Make:
    """Give a maker of contents: arm "real", the baseline, and arm "more", which searched."""

    def contents(
        classes: Sequence[str] = ("healthy", "ill"),
        n_folds: int = 1,
        study: StudyFile = STUDY,
        **changes: Any,
    ) -> ReportContents:
        random = np.random.default_rng(len(classes))
        n_classes = len(classes)
        labels = np.arange(90) % n_classes
        tuning: dict[str, list[TuningOutputs]] = {}
        arms: dict[str, ArmResult] = {}
        for name, amounts, chosen in (("real", (1.0,), 0), ("more", AMOUNTS, 1)):
            entries = [
                TuningOutputs(amount, 60 + amount, tuning_folds(random, n_classes, n_folds, skill))
                for amount, skill in zip(amounts, (0.5, 1.5, 1.4), strict=False)
            ]
            history = [
                HistoryEntry(multiple=one.amount, score=0.6 + place / 10, scores=[0.6, 0.7])
                for place, one in enumerate(entries)
            ]
            unit = "added" if name == "more" else "multiple"
            arms[name] = arm_result(history, chosen, unit, name == "more")
            tuning[name] = entries
        verdict = VerdictResult(arm="more", label="helps", gain=0.1, low=0.05, high=0.15, note="")
        settings = [tuning_folds(random, n_classes, n_folds, 0.3 * place) for place in range(4)]
        told = {key: changes.pop(key) for key in ("metric", "tables", "searches") if key in changes}
        given: dict[str, Any] = {
            "study": changed(study, **told),
            "result": StudyResult(
                study="s", baseline="real", arms=arms, verdict=verdict, warnings=[], seconds={}
            ),
            "classes": tuple(classes),
            "test": Outputs(
                labels,
                {
                    "real": outputs(random, labels, n_classes, 4, 0.8),
                    "more": outputs(random, labels, n_classes, 4, 1.3),
                },
            ),
            "external": None,
            "galleries": [],
            "n_folds": n_folds,
            "parts": [],
            "study_text": "",
            "tuning": tuning,
            "tuned": {"more": TunedArm(SETTINGS, random.random((4, 3)), 3, settings)},
            "facts": {"version.augsearch": "0"},
        }
        return ReportContents(**(given | changes))

    return contents


@pytest.fixture
def likeness() -> Mapping[str, Sequence[Likeness]]:
    amounts, values = np.array(AMOUNTS), np.array([np.nan, 0.5, 0.4])
    return {"more": [Likeness(name, 0.3, amounts, values, "100 pairs") for name in ("a", "b")]}
