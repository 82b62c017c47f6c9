"""Defaults that both the configuration and a workflow's definition use."""

from __future__ import annotations

CHECKPOINT_EXCLUDE = (".env*", "*.pem", "*.key", "id_*", "*.p12", "*.sqlite*", "*.db")
"""Untracked files that checkpoints of the tree leave out: secrets and databases."""
