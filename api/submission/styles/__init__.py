"""Styles on their way in."""
