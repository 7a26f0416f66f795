"""The words for a kappa."""

from __future__ import annotations

import math

UNDEFINED = "undefined"

_UPPER_ENDS = (
    (0.20, "slight"),
    (0.40, "fair"),
    (0.60, "moderate"),
    (0.80, "substantial"),
    (1.00, "almost perfect"),
)
_ROUNDING = 1e-9
"""A kappa of 3 / 5 must not leave its word because its last bit was rounded up."""


def landis_koch(kappa: float) -> str:
    """Return the strength of agreement that a kappa stands for.

    Landis and Koch 1977 (Biometrics 33, page 165): below 0 poor, up to 0.20 slight, 0.40 fair,
    0.60 moderate, 0.80 substantial, 1 almost perfect. Their table gives two decimals; an upper end
    belongs to the lower word.

    Args:
        kappa: At most 1.

    Returns:
        The word; "undefined" for NaN.

    Raises:
        ValueError: A kappa above 1.

    Example:
        >>> landis_koch(0.2), landis_koch(0.21), landis_koch(-0.1)
        ('slight', 'fair', 'poor')
    """
    if math.isnan(kappa):
        return UNDEFINED
    if kappa < -_ROUNDING:
        return "poor"
    for end, word in _UPPER_ENDS:
        if kappa <= end + _ROUNDING:
            return word
    raise ValueError(f"kappa must be at most 1 but got {kappa}; check the counts behind it.")
