"""Engines run a transform net on whole photos; README.md beside this says which, and how fast."""
