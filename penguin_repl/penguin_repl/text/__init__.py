"""Text for terminals: escaping, width, ASCII forms."""
