"""The Temporal workflows: deterministic code that hosts the core."""
