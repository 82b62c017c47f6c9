"""The SQLite store: what is on disk, and how it gets there."""
