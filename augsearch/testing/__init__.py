"""Conformance checks for sources, classifiers and search rules, for anyone who writes one."""
