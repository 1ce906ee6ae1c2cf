"""The broker: Celery messages that tell workers of work."""
