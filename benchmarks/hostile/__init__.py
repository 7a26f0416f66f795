"""Hostile input: cases by Hypothesis for every kind of file a user may be handed, and a judge.

Run by ``benchmarks/fuzz.py`` while there is time, by ``tests/hostile`` with a few cases.
"""
