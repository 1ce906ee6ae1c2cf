"""File formats: what a file is, what its structure tells, and readers that Pillow lacks."""
