"""Rules that hold between the tables of a study file."""
