"""Rules of the classifiers' names: in their tables, in the arms, and among the values of [tune]."""

from __future__ import annotations

from collections.abc import Iterator

from augsearch.messages import show, unknown
from augsearch.study.lines import Problem
from augsearch.study.schema.classifier import (
    OWN_NETWORKS,
    ClassifierOptions,
    DiscriminatorOptions,
    EndToEndOptions,
    FrozenOptions,
)
from augsearch.study.schema.generators import AcganOptions
from augsearch.study.schema.study import DEFAULT_CLASSIFIER, StudyFile, classifier_keys
from augsearch.study.settings import tuned_tables

BACKBONE_FAMILIES = ("densenet", "resnet", "resnext", "wide_resnet", "efficientnet_v2")


def classifier_problems(study: StudyFile) -> Iterator[Problem]:
    """Yield what classifiers and arms name and there is not."""
    yield from _tables(study)
    yield from _tuned(study)
    yield from _arms(study)


def _tables(study: StudyFile) -> Iterator[Problem]:
    for name, table in study.classifier_tables.items():
        for key, problem in _table(study, table):
            yield (*classifier_keys(name), key), problem


def _tuned(study: StudyFile) -> Iterator[Problem]:
    """Yield names among the values of [tune], one for each key and classifier."""
    in_tables = {problem for _, problem in _tables(study)}
    seen = set()
    for where, setting, table in tuned_tables(study):
        for key, problem in _table(study, table):
            if key not in setting and problem in in_tables:
                continue
            tried = key if key in setting else next(iter(setting))
            if (where, tried) not in seen:
                seen.add((where, tried))
                about = problem if key == tried else f"{key} {problem}"
                yield (
                    ("tune", "parameters", tried),
                    f"{where} does not take {show(setting[tried])}: {about}",
                )


def _table(study: StudyFile, table: ClassifierOptions) -> Iterator[tuple[str, str]]:
    """Yield (key, problem) of one table."""
    if isinstance(table, FrozenOptions) and not table.backbone.startswith(BACKBONE_FAMILIES):
        yield (
            "backbone",
            f"must be a torchvision name that begins with {', '.join(BACKBONE_FAMILIES)} "
            f"{unknown(table.backbone, BACKBONE_FAMILIES)}",
        )
    if isinstance(table, EndToEndOptions):
        yield from _network(table)
    if isinstance(table, DiscriminatorOptions) and not isinstance(
        study.sources.get(table.source), AcganOptions
    ):
        known = [name for name, one in study.sources.items() if isinstance(one, AcganOptions)]
        yield (
            "source",
            f"must name an acgan of [sources] ({', '.join(known) or 'none yet'}) "
            f"{unknown(table.source, known)}",
        )


def _network(table: EndToEndOptions) -> Iterator[tuple[str, str]]:
    if table.network in OWN_NETWORKS:
        if table.weights != "random":
            yield (
                "weights",
                f"must be 'random' for network {table.network}, whose weights nobody publishes, "
                f"but got {show(str(table.weights))}; drop weights",
            )
    elif not table.network.startswith(BACKBONE_FAMILIES):
        known = (*OWN_NETWORKS, *BACKBONE_FAMILIES)
        yield (
            "network",
            f"must be {', '.join(OWN_NETWORKS)} or a torchvision name that begins with "
            f"{', '.join(BACKBONE_FAMILIES)} {unknown(table.network, known)}",
        )


def _arms(study: StudyFile) -> Iterator[Problem]:
    if DEFAULT_CLASSIFIER in study.classifiers:
        yield (
            ("classifiers", DEFAULT_CLASSIFIER),
            f"must have another name: {DEFAULT_CLASSIFIER!r} is what [classifier] is called",
        )
    for name, arm in study.arms.items():
        if arm.classifier is not None and arm.classifier not in study.classifiers:
            known = list(study.classifiers)
            yield (
                ("arms", name, "classifier"),
                f"must name a table of [classifiers] ({', '.join(known) or 'none yet'}) "
                f"{unknown(arm.classifier, known)}",
            )
