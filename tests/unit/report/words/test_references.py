import re
from importlib.resources import files

import pytest

from augsearch.report.words.references import bibtex, cited

ROOM = files("augsearch.report.words")
BIB = (ROOM / "references.bib").read_text(encoding="utf-8")
KEYS = re.findall(r"@\w+\{(\w+),", BIB)


def test_works_are_cited_by_authors_and_year():
    assert cited("a [@satterthwaite1946].") == "a (Satterthwaite 1946)."
    assert cited("b [@efron1993]") == "b (Efron and Tibshirani 1993)"
    assert cited("c [@roglin2022,@kong2022]") == "c (Röglin et al. 2022; Kong et al. 2022)"


def test_a_name_that_looks_like_a_mark_stays():
    assert cited("class [@nobody1900]") == "class [@nobody1900]"
    assert bibtex(["class [@nobody1900]"], "1").count("@") == 1


def test_bibtex_has_what_is_cited_once_and_augsearch_first():
    found = bibtex(["[@kong2022] and [@delong1988,@kong2022]"], "7.8")
    assert re.findall(r"@\w+\{(\w+),", found) == ["augsearch", "kong2022", "delong1988"]
    assert "version = {7.8}" in found
    assert "kong2022" not in bibtex([], "7.8")


@pytest.mark.parametrize("entry", BIB.strip().split("\n\n"))
def test_entries_are_whole(entry):
    assert entry.count("{") == entry.count("}")
    assert "title = {" in entry
    assert "augsearch," in entry or ("author = {" in entry and "year = {" in entry)


def test_every_work_is_cited_somewhere():
    code = "".join(
        (ROOM / name).read_text(encoding="utf-8")
        for name in ("methods.py", "model_words.py", "search_words.py", "verdict_methods.py")
    )
    marks = {key for key in KEYS if f"@{key}" in code or f'"{key}"' in code}
    assert marks | {"augsearch"} == set(KEYS)
