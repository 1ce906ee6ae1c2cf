"""Work that is held under a lease."""
