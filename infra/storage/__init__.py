"""Object storage: a port, and S3 behind it."""
