"""The objects of a job in S3, enough to rebuild everything that Redis holds of it."""

from infra.jobs.manifest.manifest import Manifest

__all__ = ["Manifest"]
