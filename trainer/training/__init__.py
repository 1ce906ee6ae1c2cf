"""One training: its context, its loop, its state."""
