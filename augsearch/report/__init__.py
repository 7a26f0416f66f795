"""The HTML report, its figures and tables."""
