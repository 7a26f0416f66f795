import numpy as np
import pytest
from scipy.fft import dct

from augsearch.data.leaks import perceptual_hash
from augsearch.data.leaks.perceptual_hash import FURTHEST, candidates, hash_bits, mirrored

RNG = np.random.default_rng(0)
SMALL = RNG.normal(size=(40, 32, 32)).astype(np.float32)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    """Count unlike bits by XOR of whole numbers."""
    numbers = [int("".join("1" if bit > 0 else "0" for bit in bits), 2) for bits in (one, other)]
    return (numbers[0] ^ numbers[1]).bit_count()


def pairs(bits: np.ndarray, others: np.ndarray, groups: np.ndarray) -> set[tuple[int, int]]:
    found = candidates(bits, others, groups)
    return {pair for some in found for pair in zip(*(rows.tolist() for rows in some), strict=True)}


def test_bits_are_signs_of_the_lowest_frequencies() -> None:
    for image, bits in zip(SMALL, hash_bits(SMALL), strict=True):
        low = dct(dct(image, axis=0), axis=1)[:8, :8].ravel()
        np.testing.assert_array_equal(bits[1:], np.sign(low)[1:])
    assert hash_bits(SMALL).dtype == np.float32


def test_brightness_and_contrast_change_nothing() -> None:
    np.testing.assert_array_equal(hash_bits(SMALL * 3 + 20), hash_bits(SMALL))


def test_a_mirrored_image_needs_no_hash_of_its_own() -> None:
    np.testing.assert_array_equal(mirrored(hash_bits(SMALL)), hash_bits(SMALL[:, :, ::-1].copy()))


def test_candidates_are_all_pairs_of_different_groups_within_the_bound(monkeypatch) -> None:
    monkeypatch.setattr(perceptual_hash, "_ROWS", 7)
    bits = hash_bits(SMALL)
    others = bits * np.where(RNG.random(bits.shape) < 0.2, -1, 1)
    groups = np.arange(40) // 2
    expected = {
        (one, other)
        for one in range(40)
        for other in range(40)
        if groups[one] != groups[other] and distance(bits[one], others[other]) <= FURTHEST
    }
    assert not expected & {(row, row) for row in range(40)}
    groups = np.arange(40)
    shifted = np.roll(others, 1, axis=0)
    expected = {
        (one, other)
        for one in range(40)
        for other in range(40)
        if one != other and distance(bits[one], shifted[other]) <= FURTHEST
    }
    assert 10 < len(expected) < 60
    assert pairs(bits, shifted, groups) == expected


@pytest.mark.parametrize(("flips", "kept"), [([5, 6, 7, 8, 9], 10), ([4, 4, 4, 4, 9], 80)])
def test_of_many_candidates_the_nearest_are_kept(flips: list[int], kept: int) -> None:
    """A hundred images lie around one: 20 at each distance, of which at most 20 are kept."""
    bits = np.ones((101, 64), dtype=np.float32)
    for number in range(100):
        places = np.random.default_rng(number).permutation(64)[: flips[number % 5]]
        bits[1 + number, places] = -1
    own = [other for one, other in pairs(bits, bits, np.arange(101)) if one == 0]
    assert len(own) == {10: 20, 80: 80}[kept]
    nearest = min(flips)
    assert {int((bits[other] < 0).sum()) for other in own} == {nearest}
