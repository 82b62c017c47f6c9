"""The SQLite store: the database on disk, and the writer and readers of it."""
