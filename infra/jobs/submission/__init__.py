"""A job on its way in."""
