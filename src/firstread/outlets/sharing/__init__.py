"""Passing a trained model on, and taking one in, by hash and without running anything of it."""
