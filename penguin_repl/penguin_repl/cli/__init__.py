"""The command line: options, help pages, completion scripts for other shells."""
