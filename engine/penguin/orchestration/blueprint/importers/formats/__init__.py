"""The formats of other tools' backlogs. A module here with a `FORMAT` is a format; nothing else names it."""
