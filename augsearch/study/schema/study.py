"""The whole study file, with its small tables [evaluation] and [tracking]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from augsearch.messages import cut, has_password, masked
from augsearch.study.schema.arms import Arm
from augsearch.study.schema.audit import AuditOptions
from augsearch.study.schema.classifier import ClassifierOptions, FrozenOptions
from augsearch.study.schema.data import DataOptions, HoldOutSplit, Images, SplitOptions
from augsearch.study.schema.report import ReportOptions, Words
from augsearch.study.schema.sources import SourceOptions
from augsearch.study.schema.tables import MOST_TABLES, Fraction, Name, Table
from augsearch.study.schema.tune import TuneOptions

DEFAULT_CLASSIFIER = "classifier"
"""What the study's own classifier is called beside those of [classifiers]."""


def classifier_keys(name: str) -> tuple[str, ...]:
    """Return where a classifier's table stands in the file."""
    return (name,) if name == DEFAULT_CLASSIFIER else ("classifiers", name)


class EvaluationOptions(Table):
    """What is measured, and how often it is repeated."""

    metric: str = "auc"
    """What the search optimises on the tuning set. The verdict is in the AUC whatever it is."""
    endpoints: Words = ()
    """Further metrics that gains are judged in on the test set ("kappa", "sensitivity@0.90",
    "brier"): secondary ones, without correction for how many they are."""
    replicates: Annotated[int, Field(ge=1)] = 1
    """Trainings per fold and amount while searching."""
    test_replicates: Annotated[int, Field(ge=1)] = 5
    """Fresh trainings per fold and arm for the test."""
    generator_replicates: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings of each generator behind the verdict, which share the test trainings out among
    themselves. 1: the verdict speaks of that one trained generator; more: of its recipe."""
    confidence: Fraction = 0.95
    """Level of the intervals of metrics and gains."""
    controls: bool = False
    """Whether the amount that a search chose is also filled with repeated and with classically
    augmented real images, to tell what the source brings from what more training brings."""
    real_equivalence: bool = False
    """Whether the gain is also expressed in real images, from trainings on shares of those."""


def _without_password(uri: str) -> str:
    """Refuse a password: the study is kept in every run, and MLflow gets all of it."""
    if has_password(uri):
        raise ValueError(
            f"must have no password in it but got {cut(masked(uri), 500)}; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment"
        )
    return uri


class TrackingOptions(Table):
    """Where MLflow keeps the runs."""

    enabled: bool = True
    """false: MLflow is told nothing."""
    uri: Annotated[str, AfterValidator(_without_password)] | None = None
    """Any MLflow tracking URI without a password, "sqlite:///mlflow.db" in the folder that the
    command is called in; default: MLFLOW_TRACKING_URI, or mlflow.db beside the run directories."""
    experiment: str | None = None
    """MLflow's experiment; default: the study's name."""


class StudyFile(Table):
    """A whole study."""

    model_config = ConfigDict(json_schema_extra={"required": ["data", "arms"]})

    name: Name
    """Of the run directory and MLflow's experiment; default: the file's name without ".toml"."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """All randomness comes from it: the same study and seed give the same numbers."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where networks compute; "auto": on the GPU if there is one."""
    max_hours: Annotated[float, Field(gt=0)] | None = None
    """The run stops when it has worked for so long since it was called, with the best so far; the
    same command goes on, for as long again. May be changed between two calls."""
    baseline: str | None = None
    """The arm that gains are measured against; default: the first arm that adds nothing and is
    balanced as the searched arm is."""
    strict: bool = False
    """What could make the answer wrong is an error and not a warning: copies of an image in two
    sets, identical images of different classes, constant images, a group column that
    cannot be of patients."""
    images: Images = Images()
    data: DataOptions
    external: DataOptions | None = None
    split: SplitOptions = HoldOutSplit()
    sources: Annotated[dict[Name, SourceOptions], Field(max_length=MOST_TABLES)] = Field({})
    audit: AuditOptions = AuditOptions()
    classifier: ClassifierOptions = FrozenOptions()
    classifiers: Annotated[dict[Name, ClassifierOptions], Field(max_length=MOST_TABLES)] = Field({})
    """Further classifiers, for arms that name one."""
    arms: Annotated[dict[Name, Arm], Field(min_length=1, max_length=MOST_TABLES)]
    tune: TuneOptions | None = None
    evaluation: EvaluationOptions = EvaluationOptions()
    report: ReportOptions = ReportOptions()
    tracking: TrackingOptions = TrackingOptions()

    @property
    def has_test_set(self) -> bool:
        """Whether images are set aside for a test set; [split] test = 0 says that none are."""
        return self.split.test != 0

    @property
    def plain_arms(self) -> tuple[str, ...]:
        """The arms that train on all real images and neither search nor add."""
        return tuple(
            name
            for name, arm in self.arms.items()
            if arm.search is None and not arm.add and arm.base is None and arm.real == 1
        )

    @property
    def baseline_arm(self) -> str:
        """The arm that gains are measured against, of a study without problems.

        It is `baseline` if given, else the first plain arm that is balanced as the first searched
        arm is, else the first plain arm.
        """
        if self.baseline is not None:
            return self.baseline
        plain = self.plain_arms
        arm = self.arms[next((name for name, one in self.arms.items() if one.search), plain[0])]
        while arm.base is not None:
            arm = self.arms[arm.base]
        return next((name for name in plain if self.arms[name].balance == arm.balance), plain[0])

    def classifier_name(self, arm: str) -> str:
        """Return the name of an arm's classifier."""
        return self.arms[arm].classifier or DEFAULT_CLASSIFIER

    def classifier_named(self, name: str) -> ClassifierOptions:
        """Return the settings of a classifier by name."""
        return self.classifier_tables[name]

    @property
    def classifier_tables(self) -> dict[str, ClassifierOptions]:
        """The settings of every classifier, used or not, by name."""
        return {**self.classifiers, DEFAULT_CLASSIFIER: self.classifier}

    @property
    def used_classifiers(self) -> tuple[str, ...]:
        """The names of the classifiers that arms have, in order of first use."""
        return tuple(dict.fromkeys(map(self.classifier_name, self.arms)))
