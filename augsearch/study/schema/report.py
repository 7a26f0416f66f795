"""[report]: tables and figures beside the usual ones, such as those of a paper."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from augsearch.study.schema.tables import Name, Table

Words = Annotated[tuple[str, ...], Field(strict=False)]
Figure = Literal["t-sne", "ms-ssim"]

CLASS_METRICS = ("auc", "accuracy", "sensitivity", "specificity", "f1", "ppv", "npv", "kappa")
"""What can be said of each class against the rest."""


class TableOptions(Table):
    """One row per arm (per arm and class, with `class_metrics`), one column per metric."""

    title: str
    """Heading of the table."""
    images: Literal["tuning", "test", "external"] = "test"
    """Which images; "tuning" pools the folds, as cross-validation does, at the chosen amount."""
    metrics: Words = ()
    """Metrics over all classes: those of [evaluation], ppv and npv."""
    class_metrics: Words = ()
    """Metrics of each class against the rest."""
    value: Literal["mean", "mean-sd", "interval", "first"] = "mean"
    """Of the trainings of an arm: their mean, mean and standard deviation, mean with confidence
    interval, or the first training alone."""
    words: bool = False
    """Kappa with the words of Landis and Koch 1977."""
    delong: bool = False
    """p of DeLong's test between the first trainings of arm and baseline; not on the tuning set,
    which chose the models."""
    confusion: bool = False
    """The confusion matrices of all arms below the table."""
    by_classifier: bool = False
    """One row per training set and one group of columns per classifier, for arms that differ in
    it."""
    best_setting: bool = False
    """Of a tuned study: the best score of each run over all settings, scored on the images it was
    chosen on, as some papers do, beside the one chosen setting. Only with images = "tuning"."""
    arms: Words = ()
    """Arms that have a row; default: all."""


class ReportOptions(Table):
    """What the report shows beside verdict, arms, search curves, ROC curves and metrics."""

    tables: dict[Name, TableOptions] = Field({})
    """Tables of the study's own, by name."""
    figures: Annotated[tuple[Figure, ...], Field(strict=False)] = ()
    """"t-sne": last-layer features of the test images, one panel per arm. "ms-ssim": likeness of
    100 pairs of images within a class, for real images and along the amounts."""
