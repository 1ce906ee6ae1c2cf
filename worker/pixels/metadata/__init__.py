"""What a photo's file says besides its pixels, and what of it a result carries on."""

from infra.jobs.metadata import MetadataChoice
from worker.pixels.metadata.blocks import Metadata
from worker.pixels.metadata.carried import carried

__all__ = ["Metadata", "MetadataChoice", "carried"]
