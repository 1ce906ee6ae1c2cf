"""Previews: one photo, painted small in several styles or strengths, while somebody waits."""
