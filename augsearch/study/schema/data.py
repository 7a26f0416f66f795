"""[images], [data], [external] and [split]: which images there are, and what each is used for."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, Tag, model_validator

from augsearch.messages import show
from augsearch.study.patterns import LONGEST, PatternError, compiled
from augsearch.study.schema.preprocessing import PreprocessStep, ResizeMethod, Side
from augsearch.study.schema.tables import (
    BelowOne,
    ExistingFile,
    ExistingFolder,
    ExistingPath,
    Fraction,
    Table,
    choose_by,
    or_else,
)

LARGEST_VALUE = 1e30
"""Of a pixel, either way: what is beyond overflows float32 on the way to 0 .. 255."""
SMALLEST_RANGE = 1e-30
"""From black to white, for the same reason."""


def _rising(low_high: str | tuple[float, float]) -> str | tuple[float, float]:
    if isinstance(low_high, str):
        return low_high
    if low_high[1] - low_high[0] < SMALLEST_RANGE:
        raise ValueError(f"must rise from black to white but got {show(low_high)}")
    if max(map(abs, low_high)) > LARGEST_VALUE:
        raise ValueError(f"must lie within {LARGEST_VALUE:g} of 0 but got {show(low_high)}")
    return low_high


class Images(Table):
    """How image files become uint8 arrays of one shape."""

    size: Side = 64
    """Height and width in pixels."""
    channels: Literal[1, 3] = 1
    """Grey or colour."""
    intensity_range: Annotated[
        Literal["full", "image"] | Annotated[tuple[float, float], Field(strict=False)],
        or_else("must be 'full', 'image' or two numbers, [black, white],", "full, image"),
        AfterValidator(_rising),
    ] = "full"
    """What becomes 0 and 255: the range of the file's type, each image's own, or two values.

    Of DICOM files: what the file's window or VOI LUT shows as black and white; the image's own
    range after it; or two values in the file's unit (Hounsfield units, say) whatever its window.
    """
    preprocess: Annotated[tuple[PreprocessStep, ...], Field(strict=False)] = ()
    """Steps in their order: "normalise", "denoise", "crop", {step = "resize", size = 256}."""
    resize: ResizeMethod = "bicubic"
    """How the image is brought to `size`, after all steps."""
    on_bad_image: Literal["error", "skip"] = "error"
    """Of a file that cannot be read: refuse the study, or leave the file out with a warning."""
    max_pixels: Annotated[int, Field(ge=64)] = 64_000_000
    """A file that decodes to more pixels is refused (decompression bombs)."""


def _different(classes: tuple[str, ...]) -> tuple[str, ...]:
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ValueError(f"must be two or more different names but got {show(classes)}")
    return classes


def _several(contains: dict[str, str]) -> dict[str, str]:
    if len(contains) < 2:
        raise ValueError(f"must name two classes or more but got {len(contains)}")
    return contains


def _with_group(pattern: str) -> str:
    if len(pattern) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters but has {len(pattern)}")
    try:
        groups = compiled(pattern).groups
    except PatternError as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"must be a regular expression but got {show(pattern)}: {reason}"
        ) from error
    if groups == 0:
        raise ValueError(
            "must have a group in brackets that is the patient, as in '^([^_]+)_', "
            f"but got {show(pattern)}"
        )
    return pattern


Classes = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_different)]


class FolderData(Table):
    """One folder per class."""

    kind: Literal["folder"]
    path: ExistingFolder
    """Holds the class folders."""
    classes: Classes | None = None
    """Class folders to use, the positive one last; default: all, sorted."""
    group_pattern: Annotated[str, AfterValidator(_with_group)] | None = None
    """Regular expression (RE2) whose first group is the patient in the file name."""


class Manifest(Table):
    """The columns of a table with one row per image; image paths start at the table's folder."""

    image_column: str = "image"
    """Paths of the image files."""
    label_column: str = "label"
    """Classes, or text that `contains` looks into."""
    group_column: str | None = None
    """The patient: images of a group never cross a split. Default: each image is its own."""
    split_column: str | None = None
    """Words that say what each row is for; only with `split.method` "given"."""
    classes: Classes | None = None
    """Labels to use, the positive one last; default: all, sorted. Other rows are left out."""
    contains: Annotated[dict[str, str], AfterValidator(_several)] | None = None
    """Class name -> text; a row is of the class whose text its label column contains."""


class CsvData(Manifest):
    """A table with one row per image; image paths start at the table's folder."""

    kind: Literal["csv"]
    path: ExistingFile
    """The table."""


class DicomData(Manifest):
    """DICOM files with single-frame grey images; the patient ID tag is the group.

    Patients get a pseudonym before anything is written, and a file whose path would tell a person
    gets a number in its place.
    """

    kind: Literal["dicom"]
    path: ExistingPath
    """One folder per class, with series folders in them or without; or a table as of "csv"."""
    group_column: str | None = None
    """Of a table: the patient, in place of the patient ID tag."""
    classes: Classes | None = None
    """Class folders or labels to use, the positive one last; default: all, sorted."""

    @model_validator(mode="after")
    def _columns_of_table(self) -> Self:
        columns = [
            name
            for name, field in Manifest.model_fields.items()
            if name != "classes" and getattr(self, name) != field.default
        ]
        if columns and self.path.is_dir():
            raise ValueError(
                f"{columns[0]} is for a table but path is a folder; give the path of the "
                "table, or leave it out"
            )
        return self


class MedmnistData(Table):
    """A .npz with train_images, train_labels, val_..., test_... as MedMNIST has them."""

    kind: Literal["medmnist"]
    path: ExistingFile
    """The .npz file."""
    classes: Classes | None = None
    """Names for the labels there are, in rising order of these; default: "0", "1", "2" ..."""


class DemoData(Table):
    """Images drawn by augsearch itself: a dark cavity with a bright rim, healthy or with fluid."""

    kind: Literal["demo"]
    train: Annotated[int, Field(ge=4)] = 60
    """Training images."""
    tune: Annotated[int, Field(ge=4)] = 100
    """Tuning images."""
    test: Annotated[int, Field(ge=4)] = 1000
    """Test images."""
    site: Literal["home", "shifted"] = "home"
    """"shifted" draws with another contrast, blur and noise, as another hospital would."""


class DigitsData(Table):
    """The 8 x 8 digits of scikit-learn."""

    kind: Literal["digits"]
    classes: Classes | None = None
    """Digits to use, the positive one last; default: all ten."""


DATA_KINDS = ("folder", "csv", "dicom", "medmnist", "demo", "digits")

DataOptions = Annotated[
    Annotated[FolderData, Tag("folder")]
    | Annotated[CsvData, Tag("csv")]
    | Annotated[DicomData, Tag("dicom")]
    | Annotated[MedmnistData, Tag("medmnist")]
    | Annotated[DemoData, Tag("demo")]
    | Annotated[DigitsData, Tag("digits")],
    choose_by("kind", *DATA_KINDS),
]


class HoldOutSplit(Table):
    """One stratified split into training, tuning and test set, by group."""

    method: Literal["hold-out"] = "hold-out"
    train: Fraction = 0.7
    """Share of the training set."""
    tune: Fraction = 0.1
    """Share of the tuning set, which chooses the amount."""
    test: BelowOne = 0.2
    """Share of the test set. 0: there is none, and the verdict comes from the tuning set, with an
    interval wide enough for every amount that was tried."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = self.train + self.tune + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, tune and test must add up to 1 but are {total:g} in all")
        return self


def _above_zero(test: object) -> object:
    if test == 0 and not isinstance(test, bool):
        raise ValueError(
            "must be above 0 with method 'k-fold' but got 0: every tuning image trains the other "
            "folds' models, so no interval of a gain is known to hold on the tuning sets; give a "
            "share, or use method 'hold-out', which may have test = 0"
        )
    return test


class KFoldSplit(Table):
    """A test set first, then k folds of the rest: each is the tuning set once, by group."""

    method: Literal["k-fold"]
    n_folds: Annotated[int, Field(ge=2)] = 5
    """Folds of what is not the test set."""
    test: Annotated[Fraction, BeforeValidator(_above_zero)] = 0.2
    """Share of the test set."""


class GivenSplit(Table):
    """The split that the data bring along (split column, MedMNIST, demo)."""

    method: Literal["given"]
    test: Literal[0] | None = None
    """0: the data bring no test set, and the verdict comes from the tuning set."""


SplitOptions = Annotated[
    Annotated[HoldOutSplit, Tag("hold-out")]
    | Annotated[KFoldSplit, Tag("k-fold")]
    | Annotated[GivenSplit, Tag("given")],
    choose_by("method", "hold-out", "k-fold", "given", default="hold-out"),
]
