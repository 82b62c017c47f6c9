"""The terminal: the shell, scripts, and everything that writes to a screen."""

__version__ = "0.1.0"
