"""What a line typed at Penguin means. This package knows no terminal."""
