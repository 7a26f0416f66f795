"""The search rules, one file each, and which one an arm's table describes."""
