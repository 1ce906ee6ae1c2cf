"""Photos of any size in bounded memory: a net painted tile by tile, one pass for each norm."""
