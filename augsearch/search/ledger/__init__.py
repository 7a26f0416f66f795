"""The ledger: trials in a database, through every kill, with one owner at a time."""
