"""A claimed training, worked slice by slice."""
