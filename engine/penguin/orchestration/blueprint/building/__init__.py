"""The building of blueprints from the nodes of a document; `builder` is the entry."""
