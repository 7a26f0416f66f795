from pathlib import Path

import numpy as np
import pytest

from augsearch.errors import SourceError
from augsearch.events import silent
from augsearch.execution.engines.fitting import Fitting
from augsearch.seeds import Seed
from augsearch.sources.base import FitContext, Pool, Source
from augsearch.sources.pools.store import PoolStore
from augsearch.testing.images import toy_images

CONTEXT = FitContext(name="own", fold=0, seed=Seed.of(0), folder=Path("unused"))


class Own(Source):
    def __init__(self, pool):
        self.pool = pool

    def fit(self, train, context):
        return self.pool


class Images(Pool):
    def __init__(self, change):
        self.change = change

    def images(self, label, start, stop):
        return self.change(np.zeros((stop - start, 8, 8, 1), dtype=np.uint8))


def test_a_fit_without_a_pool_is_one_message():
    with pytest.raises(SourceError, match="source 'own' must return a Pool but returned NoneType"):
        Fitting(Own(None), toy_images(), CONTEXT).pool(silent)


@pytest.mark.parametrize(
    ("change", "given"),
    [
        (list, "a list"),
        (lambda images: images / 255, r"float64 \(64, 8, 8, 1\)"),
        (lambda images: images[1:], r"uint8 \(63, 8, 8, 1\)"),
    ],
)
def test_what_is_no_block_of_images_is_one_message(change, given, tmp_path):
    pool = Fitting(Own(Images(change)), toy_images(), CONTEXT).pool(silent)
    with pytest.raises(
        SourceError, match=rf"uint8 images of shape \(64, H, W, C\) but gave {given}"
    ):
        PoolStore(pool, tmp_path).blocks(0, 0, 10)
