"""Importers: the backlogs of other tools, read into one model and written as a blueprint.

`formats/` has one module for each tool. Nothing here imports the reader of blueprints, which asks `formats` what a
foreign file is.
"""
