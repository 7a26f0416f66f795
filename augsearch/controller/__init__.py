"""The run: which stage comes next, resume, check."""
