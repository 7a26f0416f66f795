"""`python -m augsearch` is the same as the command `augsearch`."""

from augsearch.cli import main

main()
