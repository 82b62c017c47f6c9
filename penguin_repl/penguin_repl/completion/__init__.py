"""Completion of commands, ids and paths in the shell."""
