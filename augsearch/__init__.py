"""How many synthetic images should be added to a small labelled image set, and does it help?

The public names are loaded on first use: ``import augsearch`` imports neither torch nor mlflow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augsearch.controller.study import Study, load_study
    from augsearch.errors import AugsearchError
    from augsearch.execution.augmentation_score import AugmentationScore
    from augsearch.search.optimal import SearchResult, find_optimal_multiple
    from augsearch.study.results import StudyResult

__version__ = "0.1.0"

_HOMES = {
    "AugmentationScore": "augsearch.execution.augmentation_score",
    "AugsearchError": "augsearch.errors",
    "SearchResult": "augsearch.search.optimal",
    "Study": "augsearch.controller.study",
    "StudyResult": "augsearch.study.results",
    "find_optimal_multiple": "augsearch.search.optimal",
    "load_study": "augsearch.controller.study",
}

__all__ = [
    "AugmentationScore",
    "AugsearchError",
    "SearchResult",
    "Study",
    "StudyResult",
    "find_optimal_multiple",
    "load_study",
]


if not TYPE_CHECKING:  # a type checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'augsearch' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
