"""Handlers: from a parsed command to a typed result."""
