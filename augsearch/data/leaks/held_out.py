"""Whether images made elsewhere show what a generator must not have seen: held-out real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from augsearch.data.leaks.near_duplicates import Signatures, near_duplicates
from augsearch.records import LabelledImages, content_key


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the real images that no generator may have seen are told by, N of them.

    Attributes:
        places: What the user calls each image, and the set that it is in.
        contents: Hash of the pixels of each; None of one without contrast, which shows nothing.
        groups: int64, (N,); equal numbers are the same patient.
        signatures: What near-duplicates are found by; None: images are too small to tell.
    """

    places: Sequence[str]
    contents: Sequence[str | None]
    groups: NDArray[np.int64]
    signatures: Signatures | None

    @classmethod
    def of(cls, sets: Sequence[tuple[str, LabelledImages]], near: bool) -> HeldOut:
        """Look at the images of sets, whose patients are not those of one another.

        Args:
            sets: What each is called, and its images; at least one.
            near: Whether to tell near-duplicates, and not only equal images.
        """
        groups: list[NDArray[np.int64]] = []
        signatures: Signatures | None = None
        for _, images in sets:
            _, own = np.unique(images.groups, return_inverse=True)
            groups.append(own + (1 + groups[-1].max() if groups else 0))
            if near:
                found = Signatures.of(images.pixels)
                signatures = found if signatures is None else signatures.join(found)
        return cls(
            [f"{name!r} ({what})" for what, images in sets for name in images.names],
            [_content(image) for _, images in sets for image in images.pixels],
            np.concatenate(groups),
            signatures,
        )

    def shown_by(self, made: NDArray[np.uint8]) -> list[tuple[int, int]]:
        """Return (row of `made`, row of these images) of all pairs that show the same.

        Args:
            made: Images of the same shape, uint8, (M, H, W, C).
        """
        rows_of: dict[str | None, list[int]] = {}
        for row, content in enumerate(self.contents):
            rows_of.setdefault(content, []).append(row)
        rows_of.pop(None, None)
        pairs = {
            (number, row)
            for number, image in enumerate(made)
            for row in rows_of.get(_content(image), ())
        }
        if self.signatures is not None and len(made):
            count = len(self.groups)
            alone = self.groups.max() + 1 + np.arange(len(made))
            together = self.signatures.join(Signatures.of(made))
            for pair in near_duplicates(together, np.concatenate([self.groups, alone])):
                if pair.first < count <= pair.second:
                    pairs.add((pair.second - count, pair.first))
        return sorted(pairs)


def _content(image: NDArray[np.uint8]) -> str | None:
    return None if image.min() == image.max() else content_key(image)
