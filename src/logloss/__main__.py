"""`python -m logloss`: the same as the command `logloss`."""

from logloss.cli import main

main()
