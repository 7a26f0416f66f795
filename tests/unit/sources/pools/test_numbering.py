import numpy as np

from augsearch.sources.pools.numbering import by_blocks


def test_by_blocks_cuts_out_of_whole_blocks():
    def make(block):
        return np.arange(64 * block, 64 * block + 64)

    assert np.array_equal(by_blocks(make, 60, 200), np.arange(60, 200))
    assert by_blocks(make, 64, 64).shape == (0,)
    assert by_blocks(make, 65, 65).shape == (0,)
