"""Training on this machine, without the service."""
