import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from augsearch.gan.discriminator import Discriminator, DiscriminatorDesign
from augsearch.gan.generator import Generator, GeneratorDesign
from augsearch.gan.initial import built
from augsearch.seeds import Seed
from augsearch.sources.generators.pool import GeneratorPool

GENERATOR = built(
    Generator, GeneratorDesign(8, 1, 3, 4, 4, (16, 8), 4), Seed.of("weights").torch_generator()
).eval()
for parameter in GENERATOR.parameters():
    parameter.data.mul_(8)  # untrained images are nearly grey otherwise, and all alike
DISCRIMINATOR = built(
    Discriminator,
    DiscriminatorDesign(8, 1, 3, (8, 8), 4, "spectral", 0.5),
    Seed.of("weights").torch_generator(),
).eval()
POOL = GeneratorPool(GENERATOR, DISCRIMINATOR, Seed.of(0, "acgan"), "cpu")

starts = st.one_of(
    st.integers(0, 300),
    st.builds(lambda r, i: (r << 32) + i, st.integers(1, 1 << 20), st.integers(0, 300)),
)


@settings(max_examples=60)
@given(label=st.integers(0, 2), start=starts, count=st.integers(0, 150), data=st.data())
def test_an_image_depends_on_its_coordinates_alone(
    label: int, start: int, count: int, data: st.DataObject
) -> None:
    whole = POOL.images(label, start, start + count)
    assert whole.shape == (count, 8, 8, 1)
    low = data.draw(st.integers(0, count))
    high = data.draw(st.integers(low, count))
    assert np.array_equal(POOL.images(label, start + low, start + high), whole[low:high])
    scores = POOL.realness(label, start, start + count)
    assert scores.shape == (count,) and scores.dtype == np.float64
    assert np.array_equal(POOL.realness(label, start + low, start + high), scores[low:high])


def test_classes_streams_and_neighbours_differ() -> None:
    first = POOL.images(0, 0, 128)
    assert len(np.unique(first.reshape(128, -1), axis=0)) == 128
    for label, start in [(1, 0), (0, 1 << 32), (0, 2 << 32)]:
        assert not np.array_equal(first, POOL.images(label, start, start + 128))
