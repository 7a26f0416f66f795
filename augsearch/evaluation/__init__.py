"""Scores, DeLong, verdict, diversity."""
