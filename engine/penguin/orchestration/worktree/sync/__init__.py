"""Synchronisation of checkpoints between hosts through a git remote."""
