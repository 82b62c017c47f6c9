"""Parsing and running of commands. This package does not depend on a terminal."""
