"""`augsearch reader`: shows the images of a finished run to readers, and scores their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from augsearch.controller.finished_runs.reader_images import (
    FrozenStudy,
    SyntheticImages,
    real_images,
    synthetic_images,
)
from augsearch.controller.run_directory.directory import RunDirectory
from augsearch.controller.run_directory.finished import finished_run
from augsearch.errors import DataError, StorageError
from augsearch.files import replacing, write_json
from augsearch.reader.answers import check_images, check_page, check_together, read_answers
from augsearch.reader.key import Key, Origin, Truth
from augsearch.reader.page import Page, make_page
from augsearch.reader.scoring import Assessment, assess
from augsearch.reader.selection import (
    check_wanted,
    draw,
    equal_shares,
    most_equal,
    proportional_shares,
)
from augsearch.records import LabelledImages
from augsearch.seeds import Seed

PUBLISHED_REAL, PUBLISHED_SYNTHETIC = 182, 120
"""How many images Frid-Adar et al. 2018 showed to each reader."""


@dataclass(frozen=True)
class PageFiles:
    """A page that was made.

    Attributes:
        page: What readers are given.
        key: What they are not.
        real: Class -> real images on the page.
        synthetic: Class -> synthetic images on the page.
        sources: Where the synthetic images come from.
    """

    page: Path
    key: Path
    real: Mapping[str, int]
    synthetic: Mapping[str, int]
    sources: tuple[str, ...]


def make_reader_page(
    run: Path,
    n_real: int | None = None,
    n_synthetic: int | None = None,
    out: Path | None = None,
) -> PageFiles:
    """Draw real and synthetic images of a finished run and write the page and its key.

    The same call gives the same page.

    Args:
        run: The run directory.
        n_real: Real images of any part of the data, classes in proportion; default: 182, or as
            many as there are.
        n_synthetic: Synthetic images, equally many of each class that the run has any of; default:
            120, or as many as there are.
        out: Where the page goes; default: into the run directory.

    Raises:
        RunDirectoryError: No finished run, or its data changed.
        DataError: More images are asked for than there are.
        SourceError: The run has no synthetic images.
    """
    with finished_run(run) as finished:
        directory, study = finished.directory, finished.study(FrozenStudy)
        seed = Seed.of(study.seed, "reader")
        every_real = real_images(directory, study)
        every_made = synthetic_images(directory, study, every_real.classes)
        real = _drawn_real(every_real, n_real, seed.child("real"))
        made = _drawn_synthetic(every_made, n_synthetic, seed.child("synthetic"))
        pixels = np.concatenate([real.pixels, made.pixels])
        truths = [*_truths(real, "real"), *_truths(made, "synthetic")]
        page = make_page(study.name, real.classes, pixels, truths, seed)
        target, key = _write(page, directory, out)
        return PageFiles(target, key, _by_class(real), _by_class(made), every_made.sources)


def score_readers(run: Path, paths: Sequence[Path]) -> Assessment:
    """Score the files of answers of one or more readers to one page of a run.

    Raises:
        RunDirectoryError: No finished run.
        DataError: A file is none of answers, of another page, of a reader who is there already, or
            on images that are not on the page.
        StorageError: The page's key is damaged.
    """
    with finished_run(run) as finished:
        given = [read_answers(path) for path in paths]
        directory = finished.directory
        pages = sorted(path.parent.name for path in directory.path.glob("reader/*/key.json"))
        for path, answers in zip(paths, given, strict=True):
            check_page(path, answers, directory.path, pages)
        check_together(paths, given)
        key = _key(directory, given[0].page)
        for path, answers in zip(paths, given, strict=True):
            check_images(path, answers, key)
        return assess(key, given)


def _drawn_real(images: LabelledImages, wanted: int | None, seed: Seed) -> LabelledImages:
    counts = images.class_counts()
    number = min(PUBLISHED_REAL, sum(counts)) if wanted is None else wanted
    check_wanted("--real", number, _by_class(images), sum(counts))
    return images.take(draw(images.labels, proportional_shares(counts, number), seed))


def _drawn_synthetic(images: SyntheticImages, wanted: int | None, seed: Seed) -> LabelledImages:
    counts = images.class_counts()
    most = most_equal(counts)
    number = min(PUBLISHED_SYNTHETIC, most) if wanted is None else wanted
    check_wanted("--synthetic", number, _by_class(images), most)
    return images.take(draw(images.labels, equal_shares(counts, number), seed))


def _write(page: Page, directory: RunDirectory, out: Path | None) -> tuple[Path, Path]:
    folder = directory.path / "reader" / page.key.page
    target = out or folder / "page.html"
    if out is not None and out.exists() and not _is_page(out, page.key.page):
        raise DataError(f"{out} exists already and is not this page; name another --out.")
    key = folder / "key.json"
    with replacing(target) as temporary:  # there is no page without its key
        temporary.write_text(page.html, encoding="utf-8", newline="\n")
        write_json(key, page.key.model_dump(mode="json", by_alias=True))
    return target, key


def _is_page(path: Path, page_id: str) -> bool:
    return path.is_file() and page_id in path.read_text(encoding="utf-8", errors="replace")


def _key(directory: RunDirectory, page: str) -> Key:
    path = directory.path / "reader" / page / "key.json"
    try:
        return Key.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StorageError(
            f"{path} must hold the key of page {page} as `augsearch reader make` wrote it but does "
            "not; the same `reader make` writes it again."
        ) from error


def _truths(images: LabelledImages, origin: Origin) -> list[Truth]:
    return [
        Truth(class_name=images.classes[label], origin=origin, place=name)
        for label, name in zip(images.labels, images.names, strict=True)
    ]


def _by_class(images: LabelledImages | SyntheticImages) -> dict[str, int]:
    return dict(zip(images.classes, images.class_counts(), strict=True))
