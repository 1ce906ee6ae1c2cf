"""ZIP files of photos, read by ranges."""
