"""What the rows of a study's own table are about, and which arm speaks in which columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from augsearch.amounts import amount_words
from augsearch.report.contents import ReportContents, Sample
from augsearch.report.samples import (
    arms_of,
    best_settings,
    chosen_outputs,
    sample_of,
    set_sample,
)
from augsearch.study.schema.report import TableOptions

BEST, CHOSEN, TEST = "best setting of each run", "chosen setting", "chosen setting, test set"

PREFIXES = {"": "", BEST: "best.", CHOSEN: "chosen.", TEST: "test."}
"""Group of columns -> how its columns in the CSV begin; a classifier's begin with its name."""


@dataclass(frozen=True)
class Line:
    """One training set: the heads of its row or rows, and who speaks in each group of columns.

    Attributes:
        heads: Column -> text, as it is printed.
        keys: Column -> value, in the CSV.
        cells: Group -> arm, and what it said; "" if the columns are not grouped.
    """

    heads: Mapping[str, str]
    keys: Mapping[str, object]
    cells: Mapping[str, tuple[str, Sample]]


def lines_of(contents: ReportContents, options: TableOptions) -> list[Line]:
    """Return the lines of a table; arms without outputs on its images are left out."""
    if options.by_classifier:
        return list(_pivoted(contents, options))
    return [line for arm in arms_of(contents, options) if (line := _plain(contents, options, arm))]


def _plain(contents: ReportContents, options: TableOptions, arm: str) -> Line | None:
    own = sample_of(contents, options, arm)
    if own is None:
        return None
    result = contents.result.arms[arm]
    heads: dict[str, str] = {"arm": arm}
    keys: dict[str, object] = {"arm": arm}
    names = {contents.study.classifier_name(one) for one in arms_of(contents, options)}
    if len(names) > 1:
        heads["classifier"] = contents.study.classifier_name(arm)
        keys["classifier"] = heads["classifier"]
    n_train = training_size(contents, options, arm)
    heads |= {"amount": _amount(contents, arm), "images": f"{n_train:,}"}
    keys |= {"amount": result.multiple, "unit": result.unit, "n_train": n_train}
    if not options.best_setting:
        return Line(heads, keys, {"": (arm, own)})
    samples = {
        BEST: best_settings(contents, arm),
        CHOSEN: own,
        TEST: set_sample(contents.test, arm),
    }
    found = {group: (arm, sample) for group, sample in samples.items() if sample is not None}
    return Line(heads, keys, found)


def _pivoted(contents: ReportContents, options: TableOptions) -> Iterator[Line]:
    """Yield a line per training set, with a group of columns per classifier."""
    rows: dict[tuple[str, int], dict[str, tuple[str, Sample]]] = {}
    for arm in arms_of(contents, options):
        sample = sample_of(contents, options, arm)
        if sample is None:
            continue
        words, classifier = training_set(contents, arm), contents.study.classifier_name(arm)
        # A second arm of the same set and classifier gets a row of its own.
        number = 0
        while classifier in rows.get((words, number), {}):
            number += 1
        rows.setdefault((words, number), {})[classifier] = (arm, sample)
    for (words, _), cells in rows.items():
        arms = [arm for arm, _ in cells.values()]
        amounts = " / ".join(dict.fromkeys(_amount(contents, arm) for arm in arms))
        sizes = dict.fromkeys(training_size(contents, options, arm) for arm in arms)
        heads = {"training set": words, "amount": amounts}
        heads |= {"images": " / ".join(f"{size:,}" for size in sizes)}
        keys = {"training_set": words, "amount": amounts, "n_train": " / ".join(map(str, sizes))}
        yield Line(heads, keys, cells)


def training_set(contents: ReportContents, arm: str) -> str:
    """Return what an arm trains on in words, with the words of its base in place of its name.

    Arms that differ in their classifier alone stand on bases of different names.
    """

    def resolved(match: re.Match[str]) -> str:
        return training_set(contents, match[1]) if match[1] in contents.recipes else match[0]

    return re.sub(r"chosen set of arm ([A-Za-z0-9._-]+)", resolved, contents.recipes[arm])


def training_size(contents: ReportContents, options: TableOptions, arm: str) -> int:
    """Return the number of training images: the mean over the folds for the tuning set."""
    chosen = chosen_outputs(contents, arm) if options.images == "tuning" else None
    return contents.result.arms[arm].n_train if chosen is None else round(chosen.n_train)


def _amount(contents: ReportContents, arm: str) -> str:
    result = contents.result.arms[arm]
    return "-" if result.multiple is None else amount_words(result.multiple, result.unit)
