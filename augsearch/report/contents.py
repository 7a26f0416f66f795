"""What a report is made of: plain data, gathered by whoever writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from augsearch.evaluation.confusion import decide
from augsearch.evaluation.metrics import get_metric
from augsearch.execution.recipes import describe
from augsearch.seeds import Seed
from augsearch.study.audit_result import AuditResult
from augsearch.study.order import trained_sources
from augsearch.study.results import EndpointGain, StudyResult
from augsearch.study.schema.arms import SearchOptions
from augsearch.study.schema.report import TableOptions
from augsearch.study.schema.study import StudyFile


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images of one class from one place ("real, training set", "acgan").

    Attributes:
        pixels: uint8, (N, H, W, C).
    """

    title: str
    class_name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What all arms said about one set of images.

    Attributes:
        labels: int64, (N,).
        probabilities: Arm -> float64, (trainings, N, classes).
        patients: int64, (N,), equal ones are one patient; None: every image is of another.
        generators: Arm -> int64, (trainings,), the generator behind each of its trainings; None:
            none, or one for all.
    """

    labels: NDArray[np.int64]
    probabilities: Mapping[str, NDArray[np.float64]]
    patients: NDArray[np.int64] | None = None
    generators: Mapping[str, NDArray[np.int64] | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sample:
    """What the trainings of one arm said about one set of images.

    Attributes:
        labels: int64, (N,).
        probabilities: float64, (trainings, N, classes).
        patients: int64, (N,), equal ones are one patient; None: every image is of another.
        generators: int64, (trainings,), the generator behind each; None: none, or one for all.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    patients: NDArray[np.int64] | None = None
    generators: NDArray[np.int64] | None = None

    def scores(self, metric: str) -> NDArray[np.float64]:
        """Return a metric of each training, (trainings,); NaN where it is undefined."""
        score = get_metric(metric)
        return np.array([score(self.labels, one) for one in self.probabilities])

    def against_the_rest(self, metric: str, c: int) -> Sample:
        """Return class `c` and the rest as two classes, as `metric` sees them.

        A metric of decisions sees the decisions for and against the class, any other the
        probability of the class.
        """
        if get_metric(metric).of_confusion is None:
            own = self.probabilities[..., c]
        else:
            own = (decide(self.probabilities) == c).astype(np.float64)
        labels = (self.labels == c).astype(np.int64)
        return replace(self, labels=labels, probabilities=np.stack([1 - own, own], axis=-1))


@dataclass(frozen=True, eq=False)
class TuningOutputs:
    """What the trainings of one amount said about the tuning images of each fold.

    Attributes:
        amount: The amount, in the arm's unit.
        n_train: Images of the training set, the mean over the folds.
        folds: One sample each; over all folds every developing image occurs once per replicate.
    """

    amount: float
    n_train: float
    folds: Sequence[Sample]


@dataclass(frozen=True, eq=False)
class Likeness:
    """MS-SSIM of pairs of images within a class: real ones, and those added up to an amount.

    Attributes:
        class_name: The class.
        real: Mean over pairs of real training images; NaN if there are too few.
        amounts: (A,), in the arm's unit.
        synthetic: (A,), mean over pairs of the images that the amount adds; NaN where too few.
        note: How it was measured ("100 pairs, 3 of 5 scales").
    """

    class_name: str
    real: float
    amounts: NDArray[np.float64]
    synthetic: NDArray[np.float64]
    note: str


@dataclass(frozen=True, eq=False)
class TunedArm:
    """What the settings of an arm's classifier scored on the tuning set.

    Attributes:
        settings: Each setting tried, key -> value.
        scores: float64, (settings, trainings): metric of the study.
        chosen: Index of the setting with the best mean.
        outputs: Per setting what `TuningOutputs.folds` holds.
    """

    settings: Sequence[Mapping[str, object]]
    scores: NDArray[np.float64]
    chosen: int
    outputs: Sequence[Sequence[Sample]]

    @property
    def setting(self) -> Mapping[str, object]:
        """The chosen setting."""
        return self.settings[self.chosen]

    @property
    def score(self) -> float:
        """Mean score of the chosen setting's trainings."""
        return float(self.scores[self.chosen].mean())


@dataclass(frozen=True, eq=False)
class Smoothed:
    """The curve of a search without the luck of single trainings.

    Attributes:
        multiples: float64, (P,), amounts, rising.
        mean: float64, (P,), the smoothed score.
        sd: float64, (P,), its standard deviation.
        best: Place of the best mean, the first on ties.
        noise: Variance of a single score that was taken as known; None: the scores alone told it.
    """

    multiples: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    best: int
    noise: float | None = None


@dataclass(frozen=True, eq=False)
class ShownAudit:
    """What the audit of a source in one fold found, with pictures.

    Attributes:
        result: All its numbers.
        synthetic: uint8, (P, H, W, C), the synthetic image of each of its pairs, closest first.
        real: The same shape, the training image that each comes nearest to.
    """

    result: AuditResult
    synthetic: NDArray[np.uint8]
    real: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ReportContents:
    """Everything that the report shows.

    Attributes:
        study: The study, with its controls among the arms.
        tuning: Arm -> what it said about the tuning images, one entry per amount, rising.
        embeddings: Arm -> last-layer features of the test images by its first training, float32,
            (N, D); only if the study asks for t-SNE.
        likeness: Searched arm -> one entry per class; only if the study asks for MS-SSIM.
        training_curves: Arm -> curve of its first test training, name -> value after each epoch.
        tuned: Arm -> the settings tried; empty without [tune].
        smoothed: Searched arm -> its smoothed curve.
        confidence_sets: Searched arm -> the amounts that are as good as the best, as far as can be
            told.
        audits: What the audit found, per source and fold.
        snapshots: Generator -> the iterations whose state was taken, rising; several if folds or
            classes have one each.
        selections: Source with a selection -> of each fold, how many images were made first and how
            many of them were kept.
        n_folds: Number of folds.
        parts: Rows (part, class, images, groups).
        facts: Versions, device, data fingerprint.
    """

    study: StudyFile
    result: StudyResult
    classes: tuple[str, ...]
    test: Outputs
    external: Outputs | None
    galleries: Sequence[Gallery]
    n_folds: int
    parts: Sequence[tuple[str, str, int, int]]
    study_text: str
    tuning: Mapping[str, Sequence[TuningOutputs]] = field(default_factory=dict)
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    likeness: Mapping[str, Sequence[Likeness]] = field(default_factory=dict)
    training_curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    tuned: Mapping[str, TunedArm] = field(default_factory=dict)
    smoothed: Mapping[str, Smoothed] = field(default_factory=dict)
    confidence_sets: Mapping[str, Sequence[float]] = field(default_factory=dict)
    audits: Sequence[ShownAudit] = ()
    snapshots: Mapping[str, Sequence[int]] = field(default_factory=dict)
    selections: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """What the searches optimised on the tuning set."""
        return self.study.evaluation.metric

    @property
    def confidence(self) -> float:
        """Of all intervals."""
        return self.study.evaluation.confidence

    @property
    def level(self) -> str:
        """The confidence of all intervals as it is written: "95 %"."""
        return f"{self.confidence * 100:g} %"

    @property
    def tables(self) -> Mapping[str, TableOptions]:
        """The study's own tables, by name."""
        return self.study.report.tables

    @property
    def searches(self) -> dict[str, SearchOptions]:
        """Searched arm -> its options."""
        return {name: arm.search for name, arm in self.study.arms.items() if arm.search}

    @property
    def recipes(self) -> dict[str, str]:
        """Arm -> what it is made of, in words ("real images, balanced by acgan")."""
        return {name: describe(arm) for name, arm in self.study.arms.items()}

    @property
    def generators(self) -> tuple[str, ...]:
        """The trained generators that any arm uses."""
        return trained_sources(self.study)

    @property
    def endpoint_gains(self) -> dict[str, dict[str, EndpointGain]]:
        """Endpoint other than the AUC ("kappa") -> arm -> gain over the baseline."""
        gains: dict[str, dict[str, EndpointGain]] = {}
        for name, arm in self.result.arms.items():
            for endpoint, gain in arm.endpoints.items():
                gains.setdefault(endpoint, {})[name] = gain
        return gains

    @property
    def seed(self) -> Seed:
        """The study's seed, for bootstrap intervals and t-SNE."""
        return Seed.of(self.study.seed)
