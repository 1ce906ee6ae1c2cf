"""A photo's bytes out of the bucket."""
