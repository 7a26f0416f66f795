"""What an error of an MLflow store means: whether to ask again, and what to tell the user."""

from __future__ import annotations

from augsearch.errors import TrackingError
from augsearch.messages import masked

_REFUSALS = frozenset(
    {
        "BAD_REQUEST",
        "INVALID_PARAMETER_VALUE",
        "INVALID_STATE",
        "RESOURCE_ALREADY_EXISTS",
        "RESOURCE_DOES_NOT_EXIST",
    }
)

_NOT_LET_IN = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})


def refused(error: Exception) -> bool:
    """Return whether the store answered, and will answer the same the next time."""
    code = getattr(error, "error_code", None)
    if isinstance(code, str):
        return code in _REFUSALS
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return 400 <= status < 500 and status not in (401, 403, 407, 408, 429)
    return isinstance(error, FileNotFoundError) or not isinstance(error, OSError | TrackingError)


def reason(error: Exception) -> str:
    """Return one short line on what went wrong, without passwords."""
    code, response = getattr(error, "error_code", None), getattr(error, "response", None)
    if code in _NOT_LET_IN or getattr(response, "status_code", None) in (401, 403):
        return (
            "the server refuses this user or password; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        )
    text = masked(str(error)).strip() or type(error).__name__
    line = text.splitlines()[0]
    return line if len(line) <= 200 else line[:197] + "..."
