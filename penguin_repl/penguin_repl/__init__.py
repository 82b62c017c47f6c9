"""The terminal: the shell, scripts, and everything that reaches a screen."""
