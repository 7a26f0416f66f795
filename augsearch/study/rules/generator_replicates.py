"""Rules of `evaluation.generator_replicates`: what can be trained again, and how often."""

from __future__ import annotations

from collections.abc import Iterator

from augsearch.study.lines import Problem
from augsearch.study.order import used_sources
from augsearch.study.schema.generators import TRAINED
from augsearch.study.schema.sources import CallableOptions, PluginOptions
from augsearch.study.schema.study import StudyFile

RENEWABLE = (*TRAINED, CallableOptions, PluginOptions)
"""Sources that another seed may make other images of: they train something, or may do so."""


def generator_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what keeps generators from being trained several times."""
    evaluation = study.evaluation
    count, trainings = evaluation.generator_replicates, evaluation.test_replicates
    if count == 1:
        return
    where = ("evaluation", "generator_replicates")
    sources = [study.sources[name] for name in used_sources(study) if name in study.sources]
    if not any(isinstance(one, RENEWABLE) for one in sources):
        yield (
            where,
            "needs a source that is trained (acgan, dcgan, wgan, callable or another package's) "
            f"and that an arm uses, but there is none to train {count} times; drop it",
        )
    if not study.has_test_set:
        yield where, "needs a test set but split.test = 0; drop it, or set split.test above 0"
    if trainings % count:
        above = trainings + count - trainings % count
        yield (
            ("evaluation", "test_replicates"),
            f"must be a multiple of generator_replicates, {count}, so that every generator has as "
            f"many trainings, but got {trainings}; use {above}",
        )
