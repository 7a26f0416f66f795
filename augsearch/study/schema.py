"""The study file as frozen models. Every key, its type, its range and its default stand here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, LiteralString, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from augsearch.study.presets import ACGAN_PRESETS

KNOWN_METRICS = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "kappa",
    "sensitivity",
    "specificity",
)

_CHOICE: LiteralString = "{key} must be one of {known}"


def _tag(key: str, *known: str) -> Discriminator:
    """Choose among tables by `key`; the first of `known` is the default."""

    def read(value: Any) -> str:
        if isinstance(value, dict):
            return str(value.get(key, known[0]))
        return str(getattr(value, key, known[0]))

    return Discriminator(read, "unknown_choice", _CHOICE, {"key": key, "known": ", ".join(known)})


def _unknown(key: str, known: Iterable[str]) -> PydanticCustomError:
    """Return the error that `study.wording` turns into "KEY must be one of ... but got ..."."""
    return PydanticCustomError("unknown_choice", _CHOICE, {"key": key, "known": ", ".join(known)})


def _or_else(rule: str, known: str = "") -> WrapValidator:
    """Give one message, `rule`, where pydantic would report each alternative of a union."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise PydanticCustomError("rule", "{rule}", {"rule": rule, "known": known}) from error

    return WrapValidator(check)


class Table(BaseModel):
    """A TOML table: frozen, unknown keys are errors, and so is "64" where 64 is meant."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _existing(path: Path, info: ValidationInfo) -> Path:
    """Resolve a path against the study file's folder and make sure that it is there."""
    folder: Path = (info.context or {}).get("folder", Path())
    try:
        resolved = (folder / path.expanduser()).resolve()
        found = resolved.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, unknown ~user, null byte ...
        raise ValueError(
            f"must be the path of a file or folder but got {str(path)[:60]!r}"
        ) from error
    if not found:
        raise ValueError(f"must exist but {resolved} does not; paths start at the study file")
    return resolved


# TOML gives text and lists where these want paths and tuples, so they are let off strictness.
ExistingPath = Annotated[Path, Field(strict=False), AfterValidator(_existing)]
Words = Annotated[tuple[str, ...], Field(strict=False)]
Counts = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1, max_length=10)
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


# --- [images]: what every image becomes ---------------------------------------------------------


class Images(Table):
    """How image files become uint8 arrays of one shape."""

    size: Annotated[int, Field(ge=8, le=1024)] = 64
    """Height and width in pixels."""
    channels: Literal[1, 3] = 1
    intensity_range: Annotated[
        Literal["full", "image"] | Annotated[tuple[float, float], Field(strict=False)],
        _or_else("must be 'full', 'image' or two numbers, [black, white],", "full, image"),
    ] = "full"
    """What becomes 0 and 255: the range of the file's type, each image's own, or two values."""
    on_bad_image: Literal["error", "skip"] = "error"
    max_pixels: Annotated[int, Field(ge=64)] = 64_000_000
    """A file that decodes to more pixels is refused (decompression bombs)."""


# --- [data] and [external]: where images come from ----------------------------------------------


class FolderData(Table):
    """One folder per class."""

    kind: Literal["folder"]
    path: ExistingPath
    classes: Words | None = None
    """Class folders to use, the positive one last; default: all, sorted."""
    group_pattern: str | None = None
    """Regular expression whose first group is the patient in the file name."""


class CsvData(Table):
    """A table with one row per image; image paths start at the table's folder."""

    kind: Literal["csv"]
    path: ExistingPath
    image_column: str = "image"
    label_column: str = "label"
    group_column: str | None = None
    split_column: str | None = None
    classes: Words | None = None
    """Labels to use, the positive one last; default: all, sorted. Other rows are left out."""
    contains: dict[str, str] | None = None
    """Class name -> text; a row is of the class whose text its label column contains."""


class MedmnistData(Table):
    """A .npz with train_images, train_labels, val_..., test_... as MedMNIST has them."""

    kind: Literal["medmnist"]
    path: ExistingPath
    classes: Words | None = None
    """Names for the labels 0, 1, 2 ...; default: "0", "1", "2" ..."""


class DemoData(Table):
    """Images drawn by augsearch itself: a dark cavity with a bright rim, healthy or with fluid."""

    kind: Literal["demo"]
    train: Annotated[int, Field(ge=4)] = 60
    tune: Annotated[int, Field(ge=4)] = 100
    test: Annotated[int, Field(ge=4)] = 1000
    site: Literal["home", "shifted"] = "home"
    """"shifted" draws with another contrast, blur and noise, as another hospital would."""


class DigitsData(Table):
    """The 8 x 8 digits of scikit-learn."""

    kind: Literal["digits"]
    classes: Words | None = None


DataOptions = Annotated[
    FolderData | CsvData | MedmnistData | DemoData | DigitsData, Field(discriminator="kind")
]


# --- [split] ------------------------------------------------------------------------------------


class HoldOutSplit(Table):
    """One stratified split into training, tuning and test set, by group."""

    method: Literal["hold-out"] = "hold-out"
    train: Fraction = 0.7
    tune: Fraction = 0.1
    test: Fraction = 0.2

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.tune + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, tune and test must add up to 1 but are {total:g} in all")
        return self


class KFoldSplit(Table):
    """A test set first, then k folds of the rest: each is the tuning set once, by group."""

    method: Literal["k-fold"]
    n_folds: Annotated[int, Field(ge=2)] = 5
    test: Fraction = 0.2


class GivenSplit(Table):
    """The split that the data bring along (split column, MedMNIST, demo)."""

    method: Literal["given"]


SplitOptions = Annotated[
    Annotated[HoldOutSplit, Tag("hold-out")]
    | Annotated[KFoldSplit, Tag("k-fold")]
    | Annotated[GivenSplit, Tag("given")],
    _tag("method", "hold-out", "k-fold", "given"),
]


# --- [sources.NAME] -----------------------------------------------------------------------------


class AcganOptions(Table):
    """A class-conditional GAN with an auxiliary classifier (Odena et al. 2017)."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind"]})  # presets give the rest

    kind: Literal["acgan"]
    preset: str = "small-data"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on all numbers of filters."""
    latent_dim: Annotated[int, Field(ge=1)]
    latent_sd: Annotated[float, Field(gt=0)]
    embedding_dim: Annotated[int, Field(ge=1)]
    generator_filters: Counts
    generator_kernel: Annotated[int, Field(ge=2, le=9)]
    discriminator_filters: Counts
    discriminator_kernel: Annotated[int, Field(ge=2, le=9)]
    discriminator_norm: Literal["batch", "spectral"]
    dropout: BelowOne
    loss: Literal["cross-entropy", "hinge"]
    generator_learning_rate: Annotated[float, Field(gt=0)]
    discriminator_learning_rate: Annotated[float, Field(gt=0)]
    betas: Annotated[tuple[BelowOne, BelowOne], Field(strict=False)]
    batch_size: Annotated[int, Field(ge=2)]
    iterations: Annotated[int, Field(ge=1)]
    moving_average: BelowOne
    """Decay of the exponential moving average of the generator; 0 is off."""
    augment: Annotated[
        tuple[Literal["brightness", "contrast", "translation", "flip"], ...], Field(strict=False)
    ]
    """Differentiable augmentation of real and synthetic images alike, in the discriminator."""
    balanced_batches: bool
    """Draw real batches uniform over the classes; else uniform over the images: then a rare class
    is seldom seen as real beside its synthetic images, and the label gives the source away."""
    snapshot: Literal["last", "best"]
    """"best": of the snapshots that have not collapsed, the one whose images alone train the head
    that scores best on tuning images."""
    snapshot_every: Annotated[int, Field(ge=1)] = 500
    checkpoint_every: Annotated[int, Field(ge=1)] = 250

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = given.get("preset", "small-data")
        if not isinstance(preset, str) or preset not in ACGAN_PRESETS:
            raise _unknown("preset", ACGAN_PRESETS)
        return ACGAN_PRESETS[preset] | given


class ClassicOptions(Table):
    """Classic augmentation of real training images; names as in torchvision."""

    kind: Literal["classic"]
    horizontal_flip: bool = True
    vertical_flip: bool = False
    degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    translate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest shift as a fraction of the image's side."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of size: 0.1 draws from 0.9 to 1.1."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0


class RepeatOptions(Table):
    """The real training images again: the control for more optimiser steps."""

    kind: Literal["repeat"]


class FolderOptions(Table):
    """Images made elsewhere, one folder per class, named like the classes of the data."""

    kind: Literal["folder"]
    path: ExistingPath


class CallableOptions(Table):
    """A Python function that gives the images: "package.module:function"."""

    kind: Literal["callable"]
    function: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    options: dict[str, Any] = {}


_BUILT_IN_SOURCES = ("acgan", "classic", "repeat", "folder", "callable")


class PluginOptions(Table):
    """A source that another package registers under the entry point group augsearch.sources."""

    kind: Annotated[str, Field(json_schema_extra={"not": {"enum": list(_BUILT_IN_SOURCES)}})]
    options: dict[str, Any] = {}


def _source_tag(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    if kind in _BUILT_IN_SOURCES:
        return str(kind)
    return None if kind is None else "plugin"


def _known_plugin(value: Any) -> Any:
    """Look at the kind before the other keys, which would all be unknown to a misspelt one."""
    from importlib.metadata import entry_points

    kind = value["kind"] if isinstance(value, dict) else value.kind
    plugins = entry_points(group="augsearch.sources").names
    if not isinstance(kind, str) or kind not in plugins:
        raise _unknown("kind", (*_BUILT_IN_SOURCES, *sorted(plugins)))
    return value


SourceOptions = Annotated[
    Annotated[AcganOptions, Tag("acgan")]
    | Annotated[ClassicOptions, Tag("classic")]
    | Annotated[RepeatOptions, Tag("repeat")]
    | Annotated[FolderOptions, Tag("folder")]
    | Annotated[CallableOptions, Tag("callable")]
    | Annotated[PluginOptions, BeforeValidator(_known_plugin), Tag("plugin")],
    Discriminator(
        _source_tag,
        "unknown_choice",
        _CHOICE,
        {"key": "kind", "known": ", ".join(_BUILT_IN_SOURCES)},
    ),
]


# --- [classifier] -------------------------------------------------------------------------------


class AdamHead(Table):
    """A linear head trained by Adam in mini-batches, as Kong et al. 2022 train theirs."""

    kind: Literal["adam"] = "adam"
    outputs: Literal["softmax", "sigmoid"] = "softmax"
    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 8
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    decay: Annotated[float, Field(ge=0)] | None = None
    """Learning rate of step t is learning_rate / (1 + decay t); default learning_rate / epochs."""


class LogisticHead(Table):
    """Logistic regression on standardised features, L2 penalty, to convergence."""

    kind: Literal["logistic"]
    penalty: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the L2 penalty, the inverse of scikit-learn's C."""


HeadOptions = Annotated[
    Annotated[AdamHead, Tag("adam")] | Annotated[LogisticHead, Tag("logistic")],
    _tag("kind", "adam", "logistic"),
]


class ClassifierOptions(Table):
    """A frozen torchvision network with a new head."""

    backbone: str = "densenet121"
    weights: Annotated[
        Literal["imagenet", "random"] | ExistingPath,
        _or_else(
            "must be 'imagenet', 'random' or an existing file (paths start at the study file)",
            "imagenet, random",
        ),
    ] = "imagenet"
    input_size: Annotated[int, Field(ge=32, le=1024)] | None = None
    """Images are resized to this before the backbone; default: the size of the study's images."""
    head: HeadOptions = AdamHead()


# --- [arms.NAME] --------------------------------------------------------------------------------

Multiple = Annotated[float, Field(ge=1, le=10_000)]


class Addition(Table):
    """A fixed amount: (multiple - 1) times the base size, from one source."""

    source: str
    multiple: Multiple


class SearchOptions(Table):
    """An amount that is searched: how, and from which source the images come."""

    source: str
    rule: Literal["sliding-window"] = "sliding-window"
    window: Annotated[int, Field(ge=1)] = 12
    start: Multiple = 1.0
    step: Annotated[float, Field(ge=1e-6)] = 1.0
    max_multiple: Multiple | None = None
    min_delta: Annotated[float, Field(ge=0)] = 0.0


class Arm(Table):
    """One recipe of a training set that is compared with the others."""

    base: str | None = None
    """Start from this arm's training set (its optimum, if it was searched)."""
    balance: str | None = None
    """Fill every class up to the largest one with images of this source."""
    add: Annotated[tuple[Addition, ...], Field(strict=False)] = ()
    search: SearchOptions | None = None


# --- the rest, and the whole --------------------------------------------------------------------


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
    sources: dict[Name, SourceOptions] = {}
    classifier: ClassifierOptions = ClassifierOptions()
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    evaluation: EvaluationOptions = EvaluationOptions()
    tracking: TrackingOptions = TrackingOptions()
