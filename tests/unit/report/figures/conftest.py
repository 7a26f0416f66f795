import re
from collections.abc import Callable
from html import unescape
from xml.etree import ElementTree

import pytest


@pytest.fixture
def labels_of() -> Callable[[str], set[str]]:
    """Give the reader of an SVG's texts, which stand in comments before their outlines."""

    def texts(svg: str) -> set[str]:
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        return {unescape(text) for text in re.findall(r"<!-- (.*?) -->", svg, re.DOTALL)}

    return texts
