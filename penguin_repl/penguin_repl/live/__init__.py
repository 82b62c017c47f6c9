"""Live views: the panel, the table and the view of one workflow."""
