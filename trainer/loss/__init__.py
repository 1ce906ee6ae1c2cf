"""What training minimises, and the networks that measure it."""
