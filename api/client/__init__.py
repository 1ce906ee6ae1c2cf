"""The Python client: what talks to a service over HTTP, and knows nothing of what is behind it."""

from api.client.client import Client, ClientError, ServiceUnreachable, TrainingWishes

__all__ = ["Client", "ClientError", "ServiceUnreachable", "TrainingWishes"]
