"""What lies on disk beside the database: the workspace, run folders, the object store."""
