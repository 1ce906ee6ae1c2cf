"""Previews on their way in."""
