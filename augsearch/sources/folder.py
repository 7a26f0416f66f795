"""Images made elsewhere, by any generator or at another place: one folder per class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from augsearch.background import in_order
from augsearch.data.decoding import decode_image
from augsearch.data.readers.folders import composed, image_files, subfolders
from augsearch.errors import DataError, SourceError
from augsearch.events import Advanced
from augsearch.files import read_json, write_json
from augsearch.messages import lines, names
from augsearch.reading import content_hash
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.finite_pool import FinitePool
from augsearch.study.schema.data import Images
from augsearch.study.schema.sources import FolderOptions

_PROGRESS = 100  # images between two reports


@final
class FolderSource(Source):
    """Takes the images of ``path/CLASS/``: PNG, JPEG, TIFF and BMP files, not those further down.

    They are brought to the size and channels of the training images, with the full range of their
    type as 0 to 255, and come in a random order. Each is decoded once at the first fit, to find
    damaged ones early, and again when it is used. The files must stay as they are during a run,
    to which their content is held.
    """

    def __init__(self, options: FolderOptions) -> None:
        self._path = options.path

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Read and check the folder; nothing is learnt.

        Raises:
            SourceError: A class has no folder, or the files are not those of the last fit.
            DataError: Some images cannot be read; all of them are listed.
        """
        files = [self._files(name, train.classes) for name in train.classes]
        like = Images(size=train.pixels.shape[1], channels=train.pixels.shape[3])
        self._check(files, like, context)
        return _FolderPool(files, like, train.classes, context)

    def sizes(self, classes: Sequence[str]) -> Sequence[int]:
        """Return how many files there are of each class.

        Raises:
            SourceError: A class has no folder.
        """
        return [len(self._files(name, classes)) for name in classes]

    def _files(self, name: str, classes: Sequence[str]) -> list[Path]:
        found = {composed(folder.name): folder for folder in subfolders(self._path)}
        folder = found.get(composed(name))
        if folder is None:
            raise SourceError(
                f"{self._path} must have one folder per class ({names(classes)}) but {name!r} is "
                "missing; name the folders like the classes, and make an empty one for a class "
                "that gets no images"
            )
        return image_files(folder)

    def _check(self, files: list[list[Path]], like: Images, context: FitContext) -> None:
        """Decode every image once per run; hold later fits to the same files."""
        paths = [path for own in files for path in own]
        record = context.folder / "contents.json"
        if not record.exists():
            _check_readable(paths, like, context)
        contents = in_order(content_hash, paths)
        found = [[[path.name, next(contents)] for path in own] for own in files]
        if not record.exists():
            write_json(record, found)
        elif read_json(record) != found:
            raise SourceError(
                f"the files of source {context.name!r} must not change during a run but those in "
                f"{self._path} have; put them back, or start anew with --fresh"
            )


def _check_readable(paths: list[Path], like: Images, context: FitContext) -> None:
    def problem(path: Path) -> str | None:
        try:
            decode_image(path, like)
        except DataError as error:
            return str(error)
        return None

    problems = []
    for done, found in enumerate(in_order(problem, paths)):
        if done % _PROGRESS == 0:
            context.notify(Advanced(done, len(paths), "images"))
        if found is not None:
            problems.append(found)
    if problems:
        raise DataError(
            f"{len(problems)} of {len(paths)} images of source {context.name!r} cannot be used; "
            f"replace or remove them:{lines(problems)}"
        )


class _FolderPool(FinitePool):
    def __init__(
        self, files: list[list[Path]], like: Images, classes: tuple[str, ...], context: FitContext
    ) -> None:
        super().__init__([len(own) for own in files], classes, context)
        self._files, self._like = files, like

    def taken(self, label: int, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        side, channels = self._like.size, self._like.channels
        images = np.empty((len(numbers), side, side, channels), dtype=np.uint8)
        paths = [self._files[label][number] for number in numbers]
        for row, image in enumerate(in_order(partial(decode_image, images=self._like), paths)):
            images[row] = image
        return images
