"""The works that a methods text cites: citations as authors and year, and their BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

_MARK = re.compile(r" ?\[@([a-z0-9@,]+)\]")
_ACCENTS = {r"{\"o}": "ö", r"{\'e}": "é", r"{\'a}": "á", r"{\'n}": "ń"}


def cited(text: str) -> str:
    """Return a text with its marks written out: "[@odena2017]" becomes "(Odena et al. 2017)".

    Example:
        >>> cited("an ACGAN [@odena2017] and Adam [@kingma2015,@delong1988]")
        'an ACGAN (Odena et al. 2017) and Adam (Kingma and Ba 2015; DeLong et al. 1988)'
    """

    def written(found: re.Match[str]) -> str:
        keys = found[1].replace("@", "").split(",")
        if not all(key in _entries() for key in keys):
            return found[0]  # a name of the user's that looks like a mark
        return f" ({'; '.join(map(_label, keys))})"

    return _MARK.sub(written, text)


def bibtex(texts: Iterable[str], version: str) -> str:
    """Return BibTeX of augsearch and of every work that marked texts cite, in that order.

    Args:
        texts: Texts with marks.
        version: Of augsearch.
    """
    marks = (found for text in texts for found in _MARK.findall(text))
    keys = [key for mark in marks for key in mark.replace("@", "").split(",")]
    entries = _entries()
    wanted = [entries[key] for key in dict.fromkeys(["augsearch", *keys]) if key in entries]
    return "\n\n".join(wanted).replace("VERSION", version) + "\n"


@cache
def _entries() -> dict[str, str]:
    text = (files("augsearch.report.words") / "references.bib").read_text(encoding="utf-8")
    return {re.findall(r"@\w+\{(\w+),", one)[0]: one.strip() for one in text.split("\n\n")}


def _label(key: str) -> str:
    entry = _entries()[key]
    authors = re.findall(r"author = \{(.*)\},\n", entry)[0].split(" and ")
    names = [author.partition(",")[0] for author in authors]
    name = names[0] if len(names) == 1 else f"{names[0]} et al."
    if len(names) == 2:
        name = " and ".join(names)
    for code, letter in _ACCENTS.items():
        name = name.replace(code, letter)
    return f"{name} {re.findall(r'year = {(.*)}', entry)[0]}"
