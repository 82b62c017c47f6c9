"""What holds unless told otherwise, where both the configuration and what a workflow carries have to know."""

from __future__ import annotations

CHECKPOINT_EXCLUDE = (".env*", "*.pem", "*.key", "id_*", "*.p12", "*.sqlite*", "*.db")
"""Untracked files that checkpoints of the tree leave out: secrets and databases."""
