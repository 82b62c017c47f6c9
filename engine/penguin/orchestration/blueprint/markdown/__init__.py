"""Blueprints in Markdown: text to blocks, and blocks to the nodes of which blueprints are built."""
