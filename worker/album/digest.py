"""The address of a result: a hash of everything that its pixels depend on."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from infra.catalogue.style import WeightedNet
from infra.jobs.domain.model import Stroke
from infra.jobs.metadata import MetadataChoice

#: Increased whenever the same photo and nets would give another file: changed arithmetic, other
#: encoder options. Results of earlier recipes are then no longer found.
RECIPE: Final = 1


def result_digest(
    photo_sha256: str,
    blend: Sequence[WeightedNet],
    stroke: Stroke = "native",
    metadata: MetadataChoice = "none",
) -> str:
    """Return the SHA-256 (hex) that a result is stored under.

    `photo_sha256` is the hash (hex) of the photo's file. Nets count by their hashes and weights and
    not by their keys, so a copied style finds the results of its original.
    """
    mix = sorted((net.sha256, net.weight) for net in blend)
    # Results without metadata are found where they were before there was a choice.
    options = [option for option in (stroke, metadata) if option not in ("native", "none")]
    parts = json.dumps([RECIPE, photo_sha256, mix, *options], separators=(",", ":"))
    return hashlib.sha256(parts.encode()).hexdigest()
