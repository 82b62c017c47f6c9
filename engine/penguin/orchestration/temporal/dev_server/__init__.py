"""The development server that Penguin starts if no server runs."""
