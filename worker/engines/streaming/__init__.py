"""Photos of any size in bounded memory, layer after layer; README.md beside this explains how."""
