"""Previews: one photo, small, in several styles or strengths."""
