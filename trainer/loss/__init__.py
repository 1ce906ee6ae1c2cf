"""The training loss, and the networks that measure it."""
