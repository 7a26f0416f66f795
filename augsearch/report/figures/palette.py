"""Colours of all figures, and how a figure follows the page from light to dark.

The colours are those of Okabe and Ito 2008, which people with any colour vision tell apart, with
purple a little darker so that it holds on white. Curves differ in dashes and markers too.
"""

from __future__ import annotations

import re
from typing import Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8598f", "#e69f00", "#56b4e9", "#6b6b6b")
CURVE, CHOSEN = COLOURS[:2]
GREY = COLOURS[-1]
INK, GRID, FRAME, PAPER = "#222222", "#e2e2e2", "#9a9a9a", "#ffffff"

DARK = {
    "#0072b2": "#5ab4e8",
    "#d55e00": "#ff8b3d",
    "#009e73": "#2fc89b",
    "#b8598f": "#e39cc3",
    "#e69f00": "#f2b632",
    "#56b4e9": "#a5dcff",
    "#6b6b6b": "#a8a8a8",
    INK: "#e6e6e6",
    GRID: "#34393f",
    FRAME: "#7a8087",
    PAPER: "#16191d",
}
"""Colour on white -> colour on the dark page."""

_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)))
_MARKERS = "osD^vPX*"


def colour(index: int) -> str:
    """Return the colour of the arm, class or curve number `index`."""
    return COLOURS[index % len(COLOURS)]


def line_style(index: int) -> Any:
    """Return the dashes of line number `index`; with `colour` 35 lines differ."""
    return _DASHES[index % len(_DASHES)]


def marker(index: int) -> str:
    """Return the marker of the points of curve or class number `index`."""
    return _MARKERS[index % len(_MARKERS)]


def inline(svg: str) -> str:
    """Return a figure for the page, in a box of its own that scrolls where it is narrow.

    Its colours become those of `dark_style`'s variables; each has its own light value behind it,
    so that nothing else needs to be defined.
    """
    coloured = re.sub(
        r"(?<=[: ])(#[0-9a-f]{6})(?=[;\"])",
        lambda found: _variable(found[1]) if found[1] in DARK else found[1],
        svg,
    )
    head, more, body = coloured.partition("viewBox")
    head = re.sub(r' height="[\d.]+pt"', "", head)
    head = re.sub(r'width="([\d.]+pt)"', r'style="--width: \1"', head)
    return f'<div class="wide">{head}{more}{body}</div>'


def dark_style() -> str:
    """Return the CSS that turns inline figures dark on a dark screen; print stays light."""
    values = " ".join(f"--f-{light[1:]}: {dark};" for light, dark in DARK.items())
    return f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {values} }} }}"


def _variable(light: str) -> str:
    return f"var(--f-{light[1:]}, {light})"
