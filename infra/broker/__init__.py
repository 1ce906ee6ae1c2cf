"""The broker: Celery as a doorbell."""
