"""`python -m slmon`."""

from slmon.cli import main

main()
