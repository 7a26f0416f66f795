"""The whole study file, with its small tables [evaluation] and [tracking]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from augsearch.study.schema.arms import Arm
from augsearch.study.schema.classifier import ClassifierOptions
from augsearch.study.schema.data import DataOptions, HoldOutSplit, Images, SplitOptions
from augsearch.study.schema.sources import SourceOptions
from augsearch.study.schema.tables import Fraction, Name, Table

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


class EvaluationOptions(Table):
    """What is measured, and how often it is repeated."""

    metric: str = "auc"
    replicates: Annotated[int, Field(ge=1)] = 1
    """Trainings per fold and amount while searching."""
    test_replicates: Annotated[int, Field(ge=1)] = 5
    """Fresh trainings per fold and arm for the test."""
    confidence: Fraction = 0.95


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
    images: Images = Images()
    data: DataOptions
    external: DataOptions | None = None
    split: SplitOptions = HoldOutSplit()
    sources: dict[Name, SourceOptions] = Field({})
    classifier: ClassifierOptions = ClassifierOptions()
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    evaluation: EvaluationOptions = EvaluationOptions()
    tracking: TrackingOptions = TrackingOptions()
