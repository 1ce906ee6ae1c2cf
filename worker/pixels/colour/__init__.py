"""Colour: the colour space that a file declares, and the conversion to sRGB."""
