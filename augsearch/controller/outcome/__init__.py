"""What is written down when a run has been judged: results.json and the report."""
