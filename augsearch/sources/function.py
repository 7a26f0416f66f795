"""Images from a Python function of the user's: the way to bring any generator along.

The function is named in the study as ``"package.module:function"`` and must be importable: its
package is installed, or its folder stands in PYTHONPATH. The study file's own folder is not
searched. Its contract::

    def function(train: LabelledImages, seed: int, **options):
        ...                                       # fit to the fold's training images, nothing else
        def images(label: int, start: int, stop: int) -> uint8 array (stop - start, H, W, C):
            ...                                   # a pure function of its three numbers
        return images

`train` is read-only and H, W, C are those of `train.pixels`. `images` is asked for whole blocks
(`start` a multiple of 64, `stop` = `start` + 64) in any order, and replicate r starts at
r * 2**32: derive each image from (seed, label, index) instead of keeping a list.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from augsearch.errors import SourceError
from augsearch.plugins import raised
from augsearch.records import LabelledImages
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.numbering import BLOCK, by_blocks
from augsearch.study.schema.sources import CallableOptions

Images = Callable[[int, int, int], Any]
Array = TypeVar("Array", bound=np.generic)


@final
class CallableSource(Source):
    """Asks a Python function for the images; this module's docstring states its contract.

    Raises:
        SourceError: The function cannot be imported.
    """

    def __init__(self, options: CallableOptions) -> None:
        self._options = options
        self._function = _imported(options.function)

    def fit(self, train: LabelledImages, context: FitContext) -> Pool:
        """Call the function and return what it gives as an endless pool.

        Raises:
            SourceError: The function raised or did not return a function.
        """
        name = self._options.function
        try:
            images = self._function(
                _read_only(train), context.seed.integer(), **self._options.options
            )
        except Exception as error:
            raise SourceError(
                f"{name} must return a function for source {context.name!r} but raised "
                f"{raised(error, name.partition(':')[0])}"
            ) from error
        if not callable(images):
            raise SourceError(
                f"{name} must return a function images(label, start, stop) but returned "
                f"{type(images).__name__}"
            )
        return _FunctionPool(images, name, train.pixels.shape[1:])


class _FunctionPool(Pool):
    def __init__(self, images: Images, name: str, shape: tuple[int, ...]) -> None:
        self._images = images
        self._name = name
        self._shape = shape
        self._known_pure = False

    def images(self, label: int, start: int, stop: int) -> NDArray[np.uint8]:
        return by_blocks(partial(self._block, label), start, stop)

    def _block(self, label: int, block: int) -> NDArray[np.uint8]:
        images = self._call(label, block * BLOCK)
        if not self._known_pure:
            # A second look costs one block and finds most functions that draw from a shared RNG.
            if not np.array_equal(images, self._call(label, block * BLOCK)):
                raise SourceError(
                    f"the images of {self._name} must depend on label, start and stop alone but "
                    f"two calls for class {label}, images {block * BLOCK} to "
                    f"{(block + 1) * BLOCK} differed; seed a new generator in each call"
                )
            self._known_pure = True
        return images

    def _call(self, label: int, start: int) -> NDArray[np.uint8]:
        asked = f"{self._name}, asked for class {label}, images {start} to {start + BLOCK},"
        try:
            images = self._images(label, start, start + BLOCK)
        except Exception as error:
            module = self._name.partition(":")[0]
            raise SourceError(f"{asked} raised {raised(error, module)}") from error
        expected = (BLOCK, *self._shape)
        if not isinstance(images, np.ndarray):
            raise SourceError(
                f"{asked} must return a NumPy array but returned {type(images).__name__}"
            )
        if images.dtype != np.uint8:
            raise SourceError(
                f"{asked} must return uint8 values from 0 to 255 but returned {images.dtype}; "
                "scale, round and cast them"
            )
        if images.shape != expected:
            raise SourceError(
                f"{asked} must return shape {expected}, as the training images have it, but "
                f"returned {images.shape}"
            )
        return images.copy()  # the function may write into the same buffer again


def _imported(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a module can fail in any way while it is imported
        raise SourceError(
            f"function must be importable but {name!r} is not ({type(error).__name__}: {error}); "
            "install its package or add its folder to PYTHONPATH (the study file's folder is not "
            "searched)"
        ) from error
    if not callable(function):
        raise SourceError(f"function must name a function but {name!r} is {function!r}")
    return function


def _read_only(train: LabelledImages) -> LabelledImages:
    """Give views that cannot be written to: a function must not change what heads train on."""
    return replace(
        train,
        pixels=_locked(train.pixels),
        labels=_locked(train.labels),
        groups=_locked(train.groups),
    )


def _locked(array: NDArray[Array]) -> NDArray[Array]:
    view = array.view()
    view.flags.writeable = False
    return view
