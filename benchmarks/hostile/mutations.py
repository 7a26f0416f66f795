"""Bytes made from good ones: cut short, overwritten, repeated, spliced."""

from __future__ import annotations

from hypothesis import strategies as st

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x2E, 0x5B, 0x28)
_NUMBERS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000, 2**63 - 1, 2**64 - 1)


@st.composite
def mutated(draw: st.DrawFn, good: bytes, most: int = 4) -> bytes:
    """Return `good` after one to `most` small changes."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, most))):
        _change(draw, content)
    return bytes(content)


def _change(draw: st.DrawFn, content: bytearray) -> None:
    if not content:
        content += b"\0"
    at = draw(st.integers(0, len(content) - 1))
    match draw(st.integers(0, 6)):
        case 0:
            del content[at:]
        case 1:
            content[at] = draw(st.sampled_from(INTERESTING) | st.integers(0, 255))
        case 2:
            size = draw(st.sampled_from((2, 4, 8)))
            order = draw(st.sampled_from(("big", "little")))
            number = draw(st.sampled_from(_NUMBERS)) % 256**size
            content[at : at + size] = number.to_bytes(size, order)
        case 3:
            del content[at : at + draw(st.integers(1, 64))]
        case 4:
            content[at:at] = draw(st.binary(max_size=16))
        case 5:
            end = min(at + draw(st.integers(1, 256)), len(content))
            content[at:at] = content[at:end] * draw(st.integers(1, 8))
        case 6:
            content[at] ^= 1 << draw(st.integers(0, 7))
