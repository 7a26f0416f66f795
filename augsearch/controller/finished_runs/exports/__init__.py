"""The exports of a finished run: which training they are of, and what goes into each."""
