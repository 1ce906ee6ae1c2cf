"""The album pipeline: from a claimed chunk to committed photos."""
