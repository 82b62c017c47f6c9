"""The building of blueprints from the nodes of a document: `builder` is the entry, the other modules read one part each."""
