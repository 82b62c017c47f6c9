"""Scripts: files and pipes of commands."""
