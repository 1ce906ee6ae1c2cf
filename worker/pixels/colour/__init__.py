"""Colour: what a file declares for its pixels, and how they become sRGB."""
