"""What a study would compute and about how long: counted work times what was measured here."""
