"""The final pass over the source of an import: what it states, and no task of the backlog has."""
