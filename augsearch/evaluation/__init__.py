"""Scores, DeLong, verdict, diversity."""

from augsearch.evaluation.inference.delong import DeLongResult, auc_covariance, delong_test
from augsearch.evaluation.inference.verdict import Verdict, verdict

__all__ = ["DeLongResult", "Verdict", "auc_covariance", "delong_test", "verdict"]
