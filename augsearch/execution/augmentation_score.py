"""`AugmentationScore`: the score of a multiple for images in memory, for notebooks."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from augsearch.classifiers.base import Classifier
from augsearch.classifiers.checked import CheckedClassifier
from augsearch.classifiers.registry import create_classifier
from augsearch.device import pick_device, torch_as_new
from augsearch.errors import AugsearchError
from augsearch.evaluation.metrics import get_metric
from augsearch.events import Notify, silent
from augsearch.execution.cells import ArmScore
from augsearch.execution.experts import RealExpert, judge
from augsearch.execution.folds import FoldImages
from augsearch.execution.given_images import Labelled, check_pair, labelled_images
from augsearch.execution.recipes import Recipe
from augsearch.messages import show
from augsearch.records import LabelledImages, Portion, content_key
from augsearch.search.base import SearchRule
from augsearch.search.settings import whole_number
from augsearch.seeds import Seed
from augsearch.sources.arrays import ArraySource
from augsearch.sources.base import FitContext, Source
from augsearch.sources.pools.store import PoolStore
from augsearch.sources.registry import create_source
from augsearch.study.lines import dotted
from augsearch.study.rules.consistency import source_problems
from augsearch.study.schema.classifier import ClassifierOptions
from augsearch.study.schema.sources import SourceOptions
from augsearch.study.wording import explain

_FORMS = {
    "source": "a kind, its options, (images, labels) or a Source; a function of your own goes by "
    '{"kind": "callable", "function": "module:function"};',
    "classifier": "a backbone's name, options or a Classifier",
}
"""What may be given, in words."""


class AugmentationScore:
    """Score of training on K times the data, as `find_optimal_multiple` asks for it.

    The source is fitted to the training images once, at the first call.

    Args:
        train: Training images: `LabelledImages`, or ``(images, labels)`` with uint8 images of shape
            (N, H, W) or (N, H, W, C) and integer labels 0, 1, ...
        tune: Tuning images, in the same form; every score is measured on them.
        source: A kind of source ("acgan", "classic", "repeat"), its options, images that are there
            already, in the form of `train`, or a `Source`; a function of the notebook's own (see
            `augsearch.sources.function`) is {"kind": "callable", "function": "__main__:NAME"}.
            With a source that ends, the search for a multiple ends, too (reason "max_multiple").
        classifier: A torchvision backbone by name (ImageNet weights), its options, or a
            `Classifier`. Options, here and above, are a dict as in a study file, or the class.
        metric: "auc" or another of `augsearch.study.metric_names.KNOWN_METRICS`, or one that an
            installed package brings.
        balance: Fill every class up to the largest one first; K = 1 is then the balanced set.
        replicates: Trainings per multiple; the score is their mean.
        seed: Where all randomness comes from.
        folder: Keeps the fitted source, its images and features, so that the same call goes on from
            them; other images or settings go beside them, but a `Source` object is told from
            another by its class alone, and a function by its name: take another folder when their
            code changes. Default: a temporary folder that goes with this object.
        device: "auto", "cuda", "mps" or "cpu".
        notify: Takes progress and warnings.

    Raises:
        AugsearchError: Images, labels or settings that cannot be used.
        TypeError: `replicates` or `seed` is no whole number.

    Example::

        score = AugmentationScore((images, labels), (tune_images, tune_labels), source="acgan")
        found = find_optimal_multiple(score, window=12)
    """

    def __init__(
        self,
        train: Labelled,
        tune: Labelled,
        *,
        source: str | Mapping[str, Any] | SourceOptions | Source | Labelled = "acgan",
        classifier: str | Mapping[str, Any] | ClassifierOptions | Classifier = "densenet121",
        metric: str = "auc",
        balance: bool = False,
        replicates: int = 1,
        seed: int = 0,
        folder: str | Path | None = None,
        device: str = "auto",
        notify: Notify = silent,
    ) -> None:
        self._train = labelled_images(train)
        self._tune = labelled_images(tune)
        check_pair(self._train, self._tune)
        self._metric = get_metric(metric)
        self._metric.check_classes(len(self._train.classes))
        self._replicates = whole_number("replicates", replicates)
        if self._replicates < 1:
            raise AugsearchError(f"replicates must be at least 1 but got {replicates}.")
        self._source, source_name = _as_source(source, self._train.classes)
        self._ends = any(size is not None for size in self._source.sizes(self._train.classes))
        self._balance = balance
        self._seed = Seed.of(whole_number("seed", seed))
        self._folder = Path(folder) if folder is not None else self._temporary_folder()
        self._device = pick_device(device)
        self._notify = notify
        with torch_as_new():
            self._classifier, classifier_name = self._as_classifier(classifier)
        self._settings = (source_name, classifier_name, metric, seed)

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Which way the metric is better, for `find_optimal_multiple`."""
        return self._metric.direction

    def ended(self, rule: SearchRule) -> SearchRule:
        """Return a search's rule, ended where the source has no more images, which is then told."""
        # Else nothing has to be fitted, should all amounts be known already.
        with torch_as_new():
            return self._score.ended(rule) if self._ends else rule

    def __call__(self, multiple: float) -> tuple[float, ...]:
        """Return the tuning scores at `multiple`, one per replicate."""
        return next(self.score_many([multiple]))

    def score_many(self, multiples: Sequence[float]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of several multiples, which train together."""
        return self.score_rounds([(multiple, 0) for multiple in multiples])

    def score_rounds(self, asked: Sequence[tuple[float, int]]) -> Iterator[tuple[float, ...]]:
        """Yield the tuning scores of several (amount, round), for rules that repeat amounts."""
        with torch_as_new():
            trained = self._score.score_rounds(asked)
        with contextlib.closing(trained):
            for _ in asked:
                with torch_as_new():
                    scores = next(trained)
                yield scores  # to code of the caller's, with the caller's settings

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made at the first call and cannot be pickled, for other processes."""
        return {name: value for name, value in vars(self).items() if name != "_score"}

    @cached_property
    def _score(self) -> ArmScore:
        balance = self._balance  # not self: a cycle would keep the temporary folder alive

        def recipe(multiple: float, fold: FoldImages) -> Recipe:
            real = Recipe(fold.class_counts)
            base = real.balanced("source") if balance else real
            return base.plus("source", base.extra(multiple))

        return ArmScore(
            recipe=recipe,
            folds=[self._fold()],
            classifier=self._classifier,
            metric=self._metric,
            replicates=self._replicates,
            seed=self._seed,
            notify=self._notify,
            classes=self._train.classes,
        )

    def _fold(self) -> FoldImages:
        train, tune = Portion.whole(self._train), Portion.whole(self._tune)
        n_classes = len(self._train.classes)
        classifier, metric, seed = self._classifier, self._metric, self._seed.child("judge")
        context = FitContext(
            name="source",
            fold=0,
            seed=self._seed.child("source"),
            folder=self._folder / f"source-{self._fingerprint()}",
            device=self._device,
            notify=self._notify,
            judge=lambda images: judge(images, tune, classifier, metric, seed),
            expert=RealExpert(classifier, train, n_classes, self._seed.child("expert")),
        )
        pool = self._source.fit(self._train, context)
        return FoldImages(
            number=0,
            train=train,
            tune=tune,
            n_classes=n_classes,
            seed=self._seed,
            pools={"source": PoolStore(pool, context.folder / "pool")},
        )

    def _fingerprint(self) -> str:
        """Return a hash of everything that the fitted source depends on."""
        parts = [
            (content_key(one.pixels), one.labels.tolist()) for one in (self._train, self._tune)
        ]
        return hashlib.sha256(repr((parts, self._settings)).encode()).hexdigest()[:16]

    def _as_classifier(
        self, given: str | Mapping[str, Any] | ClassifierOptions | Classifier
    ) -> tuple[Classifier, str]:
        if isinstance(given, Classifier):
            name = type(given).__qualname__
            return CheckedClassifier(given, name), name
        table = {"backbone": given} if isinstance(given, str) else given
        options: ClassifierOptions = _checked(ClassifierOptions, table, "classifier")
        classifier = create_classifier(
            options,
            image_shape=self._train.pixels.shape[1:],
            cache=self._folder / "features",
            seed=self._seed.child("backbone"),
            device=self._device,
        )
        return classifier, repr(options)

    def _temporary_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="augsearch-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder


def _as_source(
    given: str | Mapping[str, Any] | SourceOptions | Source | Labelled, classes: tuple[str, ...]
) -> tuple[Source, str]:
    if isinstance(given, Source):
        return given, type(given).__qualname__
    if isinstance(given, LabelledImages | tuple | list):
        images = labelled_images(given, classes)
        return ArraySource(images), repr((content_key(images.pixels), images.labels.tolist()))
    table = {"kind": given} if isinstance(given, str) else given
    options: SourceOptions = _checked(SourceOptions, table, "sources", "source")
    for keys, message in source_problems(options):
        raise AugsearchError(f"{dotted(('source', *keys))} {message}")
    return create_source(options), repr(options)


def _checked(kinds: Any, table: object, *where: str) -> Any:
    """Return options of one of `kinds`, checked as those `where` a study file has them."""
    if not isinstance(table, Mapping | BaseModel):
        raise AugsearchError(f"{where[-1]} must be {_FORMS[where[-1]]} but got {show(table)}")
    try:
        return TypeAdapter(kinds).validate_python(table)
    except ValidationError as error:
        entry = error.errors()[0]
        location, message = explain(entry | {"loc": (*where, *entry["loc"])})
        raise AugsearchError(f"{dotted(location).removeprefix('sources.')} {message}") from None
