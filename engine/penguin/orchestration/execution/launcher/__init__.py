"""The launcher: one small process per engine that starts its steps and outlives it.

It runs as `python -I -S launcher.py DIR`, outside the package and without site-packages, so that it starts in a few
milliseconds and stays small. Hence: the standard library alone, and relative imports alone.
"""
