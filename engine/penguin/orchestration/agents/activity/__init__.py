"""The work of an agent as typed activities, read from its output while it runs."""
