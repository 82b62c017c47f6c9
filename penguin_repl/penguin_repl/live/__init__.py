"""Live views: the panel, the toolbar, the table and the view of one workflow."""
