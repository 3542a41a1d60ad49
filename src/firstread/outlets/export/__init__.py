"""A trained classifier as one file that other programs run without firstread."""
