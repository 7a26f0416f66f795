"""Before anything is trained: read the images, split them, build the classifier and the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from augsearch.classifiers.base import Classifier
from augsearch.classifiers.registry import create_classifier
from augsearch.controller.stages.supply import Supply
from augsearch.data.dataset import Dataset, load_dataset
from augsearch.data.leaks.firewall import describe, find_leaks, refuse
from augsearch.data.shortages import gan_warnings, verdict_warnings
from augsearch.data.splits import Split, split_dataset
from augsearch.evaluation.metrics import Metric, get_metric
from augsearch.events import Notify, Warned
from augsearch.execution.engines.base import Engine
from augsearch.execution.engines.local import LOCAL
from augsearch.reading import content_hash
from augsearch.records import ImageBlock, LabelledImages, Portion, content_key
from augsearch.seeds import Seed
from augsearch.sources.base import Source
from augsearch.sources.registry import create_source
from augsearch.study.metric_names import named_metrics
from augsearch.study.order import trained_sources, used_sources
from augsearch.study.schema.classifier import ClassifierOptions
from augsearch.study.schema.study import DEFAULT_CLASSIFIER, StudyFile


def judging_name(study: StudyFile) -> str:
    """Return the name of the classifier that judges sources: the study's own if an arm uses it."""
    names = study.used_classifiers
    return DEFAULT_CLASSIFIER if DEFAULT_CLASSIFIER in names else names[0]


def rivals(study: StudyFile, names: Iterable[str]) -> list[str]:
    """Return those of some arms that the verdict may be about.

    Arms of the baseline's classifier come first: against another one's a gain would not be that of
    the images. Of these the searched ones, if any is.
    """
    others = [name for name in names if name != study.baseline_arm]
    kind = study.classifier_name(study.baseline_arm)
    alike = [name for name in others if study.classifier_name(name) == kind] or others
    return [name for name in alike if study.arms[name].search is not None] or alike


@dataclass(frozen=True, eq=False)
class StudyData:
    """A study's images, read, split and checked, and what is built of its file without torch.

    Attributes:
        dataset: All real images.
        split: Rows of the dataset for every fold and the test set.
        develop: The images of the folds, one block.
        develop_rows: int64, the dataset's rows that `develop` holds, increasing.
        test: The test images; None in a study without a test set.
        external: The external test images, if there are any.
        external_dataset: The same as they were read, with their names.
        sources: The sources that the arms use, by name.
    """

    study: StudyFile
    seed: Seed
    dataset: Dataset
    split: Split
    develop: ImageBlock
    develop_rows: NDArray[np.int64]
    test: Portion | None
    external: Portion | None
    external_dataset: Dataset | None
    metric: Metric
    sources: Mapping[str, Source]

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Which way the metric is better."""
        return self.metric.direction

    @property
    def images(self) -> LabelledImages:
        """All real images."""
        return self.dataset.images

    def block_of(self, rows: NDArray[np.int64]) -> Portion:
        """Return rows of the dataset as rows of `develop`."""
        places = np.searchsorted(self.develop_rows, rows)
        images = self.images
        return Portion(self.develop, places, images.labels[rows], images.groups[rows])

    def train_of(self, fold: int) -> LabelledImages:
        """Return the training images of a fold, by its number."""
        return self.images.take(self.split.folds[fold].train)

    @property
    def counts(self) -> list[tuple[int, ...]]:
        """Per fold the real training images of each class."""
        labels, n_classes = self.images.labels, len(self.images.classes)
        of_folds = (np.bincount(labels[one.train], minlength=n_classes) for one in self.split.folds)
        return [tuple(of_fold.tolist()) for of_fold in of_folds]

    @property
    def supply(self) -> Supply:
        """What is asked of the sources, and what they are known to have."""
        classes = self.images.classes
        sizes = {name: source.sizes(classes) for name, source in self.sources.items()}
        return Supply(self.study, classes, self.counts, sizes)

    @property
    def data_fingerprint(self) -> dict[str, object]:
        """What must not change between two halves of a run."""
        return {
            "develop": self.develop.key,
            "test": self.test.block.key if self.test else None,
            "external": self.external.block.key if self.external else None,
            "labels": _key_of(self.images.labels),
            "patients": _key_of(self.images.groups),
            "external labels": _key_of(self.external.labels) if self.external else None,
            "external patients": _key_of(self.external.patients) if self.external else None,
            "images": len(self.images),
            "weights": _weights_key(self.study),
        }


@dataclass(frozen=True, eq=False)
class Prepared(StudyData):
    """A study's images and tools, checked and ready.

    Attributes:
        make_classifier: Builds a classifier for these images from its settings.
        classifiers: The classifiers that the arms use, by name.
        engine: Where all that is heavy takes place.
    """

    device: str
    make_classifier: Callable[[ClassifierOptions], Classifier]
    classifiers: Mapping[str, Classifier]
    engine: Engine = LOCAL

    @property
    def judging(self) -> Classifier:
        """The classifier that judges sources: the study's own, or that of the first arm."""
        return self.classifiers[judging_name(self.study)]

    def classifier_of(self, arm: str) -> Classifier:
        """Return an arm's classifier."""
        return self.classifiers[self.study.classifier_name(arm)]


def prepare(study: StudyFile, folder: Path, notify: Notify, engine: Engine = LOCAL) -> Prepared:
    """Read, split and build everything, and compute nothing else.

    Args:
        study: The study.
        folder: Where decoded images and features are kept.
        notify: Takes progress and warnings.
        engine: Where the rest of the run takes place.

    Raises:
        AugsearchError: Anything in study or data that the user has to put right.
    """
    return equip(read_data(study, folder, notify), folder, engine)


def read_data(study: StudyFile, folder: Path, notify: Notify) -> StudyData:
    """Read and split a study's images; nothing of it needs torch.

    Args:
        study: The study.
        folder: Where decoded images are kept.
        notify: Takes progress and warnings.

    Raises:
        AugsearchError: Anything in study or data that the user has to put right.
    """
    seed = Seed.of(study.seed)
    metric = get_metric(study.evaluation.metric)
    dataset = load_dataset(study.data, study.images, folder / "data", seed, notify)
    for name in named_metrics(study):
        get_metric(name).check_classes(len(dataset.images.classes))
    split = split_dataset(dataset, study.split, seed.child("split"))
    few = gan_warnings(dataset, split) if trained_sources(study) else []
    for warning in few + verdict_warnings(dataset, split):
        notify(Warned(warning))
    external = _external(study, dataset, folder / "external", seed, notify)
    leaks = find_leaks(
        dataset, split, external, study.data, cache=folder / "data" / "near-duplicates.json"
    )
    if study.strict:
        refuse(leaks)
    for warning in describe(leaks):
        notify(Warned(warning))
    develop_rows = np.unique(np.concatenate([[*fold.train, *fold.tune] for fold in split.folds]))
    data = StudyData(
        study=study,
        seed=seed,
        dataset=dataset,
        split=split,
        develop=ImageBlock.of(dataset.images.pixels[develop_rows]),
        develop_rows=develop_rows,
        test=Portion.whole(dataset.images.take(split.test)) if len(split.test) else None,
        external=Portion.whole(external.images) if external else None,
        external_dataset=external,
        metric=metric,
        sources={name: create_source(study.sources[name]) for name in used_sources(study)},
    )
    data.supply.refuse_shortages()
    return data


def equip(data: StudyData, folder: Path, engine: Engine = LOCAL) -> Prepared:
    """Add to a study's images what they are worked on with.

    Args:
        data: The images.
        folder: Where features are kept.
        engine: Where the rest of the run takes place.

    Raises:
        AugsearchError: A device or a network that the study names cannot be had.
    """
    study = data.study
    device = engine.pick_device(study.device)
    make_classifier = _classifier_maker(data, folder, device, engine)
    read = {field.name: getattr(data, field.name) for field in fields(data)}
    there = {
        "develop": engine.block(data.develop),
        "test": _there(data.test, engine),
        "external": _there(data.external, engine),
    }
    return Prepared(
        **(read | there),
        device=device,
        make_classifier=make_classifier,
        classifiers={
            name: make_classifier(study.classifier_named(name)) for name in study.used_classifiers
        },
        engine=engine,
    )


def _there(portion: Portion | None, engine: Engine) -> Portion | None:
    return replace(portion, block=engine.block(portion.block)) if portion else None


def _key_of(numbers: NDArray[np.int64] | None) -> str | None:
    return None if numbers is None else content_key(numbers.astype("<i8").view(np.uint8))


def _weights_key(study: StudyFile) -> str | None:
    """Hash the weight files that classifiers are built from; None where none is given."""
    tables = [study.classifier_named(name) for name in study.used_classifiers]
    named = [getattr(table, "weights", None) for table in tables]
    tried = study.tune.parameters.get("weights") if study.tune else None
    if isinstance(tried, tuple):
        named += tried
    files = {str(one) for one in named if one not in (None, "imagenet", "random")}
    return " ".join(str(content_hash(Path(file))) for file in sorted(files)) or None


def _classifier_maker(
    data: StudyData, folder: Path, device: str, engine: Engine
) -> Callable[[ClassifierOptions], Classifier]:
    create = partial(
        create_classifier,
        image_shape=data.images.pixels.shape[1:],
        cache=folder / "features",
        seed=data.seed.child("backbone"),
        device=device,
        sources=data.study.sources,
    )
    return lambda options: engine.classifier(options.kind, partial(create, options))


def _external(
    study: StudyFile, dataset: Dataset, folder: Path, seed: Seed, notify: Notify
) -> Dataset | None:
    if study.external is None:
        return None
    classes = dataset.images.classes
    return load_dataset(study.external, study.images, folder, seed, notify, classes=classes)
