"""The command line, `impasto`."""
