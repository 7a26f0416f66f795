"""Regular expressions from a study file, searched in a time that grows with the text alone.

Python's own `re` takes years for some patterns of ten characters, and cannot be stopped. RE2 knows
no such pattern; in return it has neither look-around nor references back to a group.
"""

from __future__ import annotations

from typing import Protocol

import re2

LONGEST = 500
"""Characters of a pattern."""

PatternError = (re2.error, UnicodeEncodeError)
"""What a text that is no pattern raises."""


class Match(Protocol):
    """What was found."""

    def group(self, number: int) -> str | None:
        """Return the text of a group; None if it took no part."""


class Pattern(Protocol):
    """A compiled regular expression."""

    @property
    def groups(self) -> int:
        """How many groups it has."""

    def search(self, text: str) -> Match | None:
        """Return the first match in a text, which must be encodable as UTF-8."""


def compiled(pattern: str) -> Pattern:
    """Compile a regular expression.

    Raises:
        re2.error: It is none, or takes too much memory.
        UnicodeEncodeError: It holds half a surrogate pair.
    """
    options = re2.Options()
    options.log_errors = False  # they are raised
    made: Pattern = re2.compile(pattern, options)
    return made
