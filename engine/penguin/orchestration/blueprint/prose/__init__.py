"""Prose: the dependencies that sentences of a backlog state."""
