import re

import pytest

from augsearch.report.figures import all_figures
from augsearch.report.figures.palette import (
    COLOURS,
    DARK,
    INK,
    PAPER,
    colour,
    dark_style,
    inline,
    line_style,
    marker,
)

FIXED = {"#fdfdfd", "#2166ab"}
"""White writing on a shade, and the shade itself, which are the same on both pages."""


def luminance(code):
    values = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Contrast ratio of WCAG 2.2."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("light", COLOURS)
def test_curves_stand_out_from_the_page_light_and_dark(light):
    assert contrast(light, PAPER) >= (2.2 if light in COLOURS[4:6] else 3)
    assert contrast(DARK[light], DARK[PAPER]) >= 3


def test_writing_is_readable_light_and_dark():
    assert contrast(INK, PAPER) >= 7
    assert contrast(DARK[INK], DARK[PAPER]) >= 7


def test_curves_differ_by_more_than_colour():
    looks = {(colour(n), str(line_style(n))) for n in range(35)}
    assert len(looks) == 35
    assert len({marker(n) for n in range(8)}) == 8


def test_every_colour_of_an_inline_figure_follows_the_page(make, likeness):
    figures = all_figures(make(likeness=likeness))
    for name, svg in figures.items():
        text = inline(svg)
        left = set(re.findall(r"(?<=[: ])#[0-9a-f]{6}(?=[;\"])", text))
        assert left <= FIXED, name
        assert f"var(--f-{PAPER[1:]}, {PAPER})" in text, name
        opening = re.search(r"<svg[^>]*>", text)[0]
        assert re.search(r'style="--width: [\d.]+pt"', opening), name
        assert not re.search(r' (width|height)="', opening), name
        # As files of their own they need neither variables nor a page.
        assert "var(" not in svg, name


def test_dark_colours_are_for_dark_screens_alone():
    style = dark_style()
    assert style.startswith("@media screen and (prefers-color-scheme: dark)")
    assert all(f"--f-{light[1:]}: {dark};" in style for light, dark in DARK.items())
