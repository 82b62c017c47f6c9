"""The connection to a Temporal server: TLS, encryption, namespace, search, errors."""
