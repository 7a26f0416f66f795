"""The whole study file, with its small tables [evaluation] and [tracking]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from augsearch.study.schema.arms import Arm
from augsearch.study.schema.audit import AuditOptions
from augsearch.study.schema.classifier import ClassifierOptions, FrozenOptions
from augsearch.study.schema.data import DataOptions, HoldOutSplit, Images, SplitOptions
from augsearch.study.schema.report import ReportOptions
from augsearch.study.schema.sources import SourceOptions
from augsearch.study.schema.tables import Fraction, Name, Table
from augsearch.study.schema.tune import TuneOptions

KNOWN_METRICS = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "kappa",
    "sensitivity",
    "specificity",
)
"""What a study may optimise. ppv and npv are for reports: they can be undefined for a model that
decides everything the same way, which no search should trip over."""
METRIC_PLUGINS = "augsearch.metrics"
"""Entry point group of third-party metrics: ``name = "package.module:metric"``, a `Metric`."""

DEFAULT_CLASSIFIER = "classifier"
"""What the study's own classifier is called beside those of [classifiers]."""


class EvaluationOptions(Table):
    """What is measured, and how often it is repeated."""

    metric: str = "auc"
    replicates: Annotated[int, Field(ge=1)] = 1
    """Trainings per fold and amount while searching."""
    test_replicates: Annotated[int, Field(ge=1)] = 5
    """Fresh trainings per fold and arm for the test."""
    confidence: Fraction = 0.95
    controls: bool = False
    """Whether the chosen amount is also filled with repeated and with classically augmented real
    images, to tell what the source brings from what more images and training steps bring."""
    real_equivalence: bool = False
    """Whether the gain is also expressed in real images, from trainings on shares of those."""


class TrackingOptions(Table):
    """Where MLflow keeps the runs."""

    enabled: bool = True
    uri: str | None = None
    """Any MLflow tracking URI; default: mlflow.db beside the run directories."""
    experiment: str | None = None
    """Default: the study's name."""


class StudyFile(Table):
    """A whole study."""

    model_config = ConfigDict(json_schema_extra={"required": ["data", "arms"]})

    name: Name
    """Default: the file's name without ".toml"."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    baseline: str | None = None
    """The arm that gains are measured against; default: the first arm that adds nothing and is
    balanced as the searched arm is."""
    strict: bool = False
    """What could make the answer wrong is an error and not a warning: copies of an image in two
    sets, identical images of different classes, constant images, a group column that keeps none
    together."""
    images: Images = Images()
    data: DataOptions
    external: DataOptions | None = None
    split: SplitOptions = HoldOutSplit()
    sources: dict[Name, SourceOptions] = Field({})
    audit: AuditOptions = AuditOptions()
    classifier: ClassifierOptions = FrozenOptions()
    classifiers: dict[Name, ClassifierOptions] = Field({})
    """Further classifiers, for arms that name one."""
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    tune: TuneOptions | None = None
    evaluation: EvaluationOptions = EvaluationOptions()
    report: ReportOptions = ReportOptions()
    tracking: TrackingOptions = TrackingOptions()
