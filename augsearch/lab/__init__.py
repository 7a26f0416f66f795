"""The search lab: search rules on simulated curves, and on the history of a finished run."""
