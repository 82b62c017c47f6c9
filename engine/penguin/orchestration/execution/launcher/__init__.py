"""The launcher: a small process, one per engine, that starts its steps and outlives it.

It runs as `python -I -S launcher.py DIR`, outside the package and without site-packages, so that it starts in a few
milliseconds and uses little memory. Its modules import only the standard library, and each other by relative imports.
"""
