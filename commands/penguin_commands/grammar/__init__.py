"""The grammar: from a line to a parsed command."""
