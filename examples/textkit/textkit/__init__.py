"""Counts what is in a text."""

# 0.0.0: nobody has decided yet what the next release is called.
__version__ = "0.0.0"
