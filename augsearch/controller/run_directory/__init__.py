"""The directory of a run: what lies where, whose it is, what is shared with other machines."""
