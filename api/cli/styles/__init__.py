"""`impasto styles` and its verbs."""
