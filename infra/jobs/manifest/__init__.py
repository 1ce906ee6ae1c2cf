"""What a job keeps in the bucket, enough to rebuild everything that Redis holds of it."""

from infra.jobs.manifest.manifest import Manifest

__all__ = ["Manifest"]
