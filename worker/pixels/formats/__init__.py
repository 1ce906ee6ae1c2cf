"""File formats: recognition, checks of the structure, and readers that Pillow lacks."""
