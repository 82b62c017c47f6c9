"""The development server that Penguin starts where none runs."""
