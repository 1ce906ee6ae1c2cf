"""A style's folder, and its pictures for people to look at."""
