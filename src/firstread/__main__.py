"""`python -m firstread`, for machines where scripts are not on the path."""

from firstread.cli import main

main()
