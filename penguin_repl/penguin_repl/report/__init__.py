"""Reports on workflows and blueprints, as HTML pages and as Markdown."""
