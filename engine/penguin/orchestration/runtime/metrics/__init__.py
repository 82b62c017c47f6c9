"""The metrics of the embedded backend, and the server for them. Imported only if metrics are served."""
