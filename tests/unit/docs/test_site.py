"""The documentation builds without a warning, needs no network, and no link in it is dead."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from augsearch.study.json_schema import study_schema

DOCS = Path(__file__).parents[3] / "docs"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src"}
"""Tag -> the attribute that a browser fetches without being asked."""


class Page(HTMLParser):
    """What a page loads, where it links to, and which places in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if LOADED.get(tag, "") in given:
            self.loaded.add(given[LOADED[tag]])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        self.anchors |= {given[name] for name in ("id", "name") if name in given}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d"]
    done = subprocess.run(
        [*command, str(tmp_path_factory.mktemp("doctrees")), str(DOCS), str(folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {path: Page(path) for path in folder.rglob("*.html")}


def test_every_page_is_there(site):
    names = {path.stem for path in site if path.parent.name != "_modules"}
    assert {path.stem for path in DOCS.glob("*.md")} <= names


def test_nothing_is_loaded_from_elsewhere(site):
    for path, page in site.items():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"
    for sheet in next(iter(site)).parent.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text())


def test_every_link_ends_somewhere(site):
    for path, page in site.items():
        for address in page.links | page.loaded:
            if urlsplit(address).scheme:
                continue
            name, anchor = urldefrag(address)
            target = (path.parent / unquote(urlsplit(name).path)).resolve() if name else path
            assert target.is_file(), f"{path.name} links to {address}"
            if anchor and target in site:
                assert unquote(anchor) in site[target].anchors, f"{path.name}: {address}"


def test_the_interface_is_documented(site):
    api = next(page for path, page in site.items() if path.name == "api.html")
    assert {
        "augsearch.find_optimal_multiple",
        "augsearch.AugmentationScore",
        "augsearch.load_study",
        "augsearch.evaluation.inference.verdict.verdict",
        "augsearch.sources.base.Source",
        "augsearch.classifiers.base.Classifier",
        "augsearch.search.base.SearchRule",
        "augsearch.testing.sources.check_source",
    } <= api.anchors


def test_every_key_of_a_study_file_is_listed(site):
    text = next(path for path in site if path.name == "keys.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'<span class="pre">([^<]+)</span>', text))
    tables = study_schema()["$defs"].values()
    keys = {key for table in tables for key, one in table["properties"].items()}
    choices = {
        one["const"] for table in tables for one in table["properties"].values() if "const" in one
    }
    assert keys - {"kind", "rule", "method", "step"} <= shown
    assert choices <= shown
