"""Scores, DeLong, verdict, diversity."""

from augsearch.evaluation.delong import DeLongResult, auc_covariance, delong_test
from augsearch.evaluation.verdict import Verdict, verdict

__all__ = ["DeLongResult", "Verdict", "auc_covariance", "delong_test", "verdict"]
