"""Maintenance of a workspace by a person, outside of its steps: pruning, and the acceptance of a loss."""
