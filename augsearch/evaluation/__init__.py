"""Metrics of predictions, what they allow to say of a gain, and a look at synthetic images."""

from augsearch.evaluation.inference.delong import DeLongResult, auc_covariance, delong_test
from augsearch.evaluation.inference.verdict import Verdict, verdict

__all__ = ["DeLongResult", "Verdict", "auc_covariance", "delong_test", "verdict"]
