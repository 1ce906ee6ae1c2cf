"""The trainer's command lines."""
