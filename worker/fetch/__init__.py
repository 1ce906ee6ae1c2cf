"""Fetches a photo's bytes from the bucket."""
