"""The terminal: the shell, scripts, and everything that reaches a screen."""

__version__ = "0.1.0"
