"""Files beside the database: the workspace, run folders, the object store."""
