"""Counts what is in a text."""

# 0.0.0: the version of the next release is not decided yet.
__version__ = "0.0.0"
