import sys
import types

import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext
from augsearch.sources.function import CallableSource
from augsearch.study.schema.sources import CallableOptions
from augsearch.testing.images import toy_images

TRAIN = toy_images((4, 4))
CONTEXT = FitContext("mine", 0, Seed.of(3), folder=None)


def good(train, seed, level=0):
    def images(label, start, stop):
        blocks = [
            Seed.of(seed, label, index).generator().integers(0, 256, train.pixels.shape[1:])
            for index in range(start, stop)
        ]
        return np.stack(blocks).astype(np.uint8) | np.uint8(level)

    return images


@pytest.fixture
def install(monkeypatch):
    """Make a function importable as "my_generator:make"."""

    def put(function):
        module = types.ModuleType("my_generator")
        module.make = function
        monkeypatch.setitem(sys.modules, "my_generator", module)
        return "my_generator:make"

    return put


def pool(name, **options):
    source = CallableSource(CallableOptions(kind="callable", function=name, options=options))
    return source.fit(TRAIN, CONTEXT)


def test_the_function_gets_the_training_images_its_seed_and_its_options(install):
    images = pool(install(good), level=128).images(1, 3, 5)
    assert np.array_equal(images, good(TRAIN, CONTEXT.seed.integer(), level=128)(1, 3, 5))


def test_it_is_asked_for_whole_blocks_only(install):
    asked = []

    def make(train, seed):
        def images(label, start, stop):
            asked.append((label, start, stop))
            return np.full((stop - start, 16, 16, 1), start % 251, dtype=np.uint8)

        return images

    far = (1 << 32) + 70
    images = pool(install(make)).images(1, far, far + 70)
    assert set(asked) == {(1, far - 6 + 64 * step, far + 58 + 64 * step) for step in (0, 1)}
    assert images.shape == (70, 16, 16, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:make", "ModuleNotFoundError.*PYTHONPATH"),
        ("my_generator:mistyped", "AttributeError"),
        ("sys:maxsize", "must name a function"),
    ],
)
def test_what_cannot_be_imported_is_said_before_anything_runs(install, name, message):
    install(good)
    with pytest.raises(SourceError, match=message):
        CallableSource(CallableOptions(kind="callable", function=name))


def test_an_import_error_keeps_its_cause():
    with pytest.raises(SourceError) as caught:
        CallableSource(CallableOptions(kind="callable", function="no_such_module_here:make"))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_wrong_options_and_failures_inside_are_the_sources_error(install):
    with pytest.raises(SourceError, match=r"'mine' but raised TypeError.*colour"):
        pool(install(good), colour=3)

    def failing(train, seed):
        return lambda label, start, stop: 1 / 0

    with pytest.raises(SourceError, match="images 0 to 64, raised ZeroDivisionError") as caught:
        pool(install(failing)).images(0, 0, 1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_is_no_function_of_images_is_refused(install):
    with pytest.raises(SourceError, match="returned ndarray"):
        pool(install(lambda train, seed: np.zeros(3)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([1, 2], "must return a NumPy array but returned list"),
        (np.zeros((64, 16, 16, 1)), "uint8 values from 0 to 255 but returned float64; scale"),
        (np.zeros((64, 16, 16, 3), np.uint8), r"\(64, 16, 16, 1\), as the training images"),
        (np.zeros((63, 16, 16, 1), np.uint8), r"returned \(63, 16, 16, 1\)"),
    ],
)
def test_wrong_arrays_are_refused(install, images, message):
    name = install(lambda train, seed: lambda label, start, stop: images)
    with pytest.raises(SourceError, match=message):
        pool(name).images(0, 0, 1)


def test_a_function_that_draws_from_a_running_generator_is_found_out(install):
    def impure(train, seed):
        rng = np.random.default_rng(seed)
        return lambda label, start, stop: rng.integers(
            0, 256, (stop - start, 16, 16, 1), dtype=np.uint8
        )

    with pytest.raises(SourceError, match="two calls for class 0, images 0 to 64 differed"):
        pool(install(impure)).images(0, 0, 1)


def test_the_training_images_cannot_be_written_to(install):
    def writing(train, seed):
        train.pixels[:] = 0

    with pytest.raises(SourceError, match=r"ValueError.*read-only"):
        pool(install(writing))
    assert TRAIN.pixels.any() and TRAIN.pixels.flags.writeable


def test_a_buffer_that_is_used_again_does_not_change_earlier_images(install):
    def make(train, seed):
        buffer = np.empty((64, 16, 16, 1), dtype=np.uint8)

        def images(label, start, stop):
            buffer[:] = start // 64
            return buffer

        return images

    images = pool(install(make)).images(0, 0, 128)
    assert images[:64].max() == 0 and images[64:].min() == 1
