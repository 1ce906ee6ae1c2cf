"""The address of a result: a hash of everything that its pixels depend on."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from infra.catalogue.style import WeightedNet
from infra.jobs.domain.model import Stroke
from infra.jobs.formats import FormatChoice
from infra.jobs.metadata import MetadataChoice

#: Increased whenever the same photo and nets would give another file: changed arithmetic, other
#: encoder options. Results of earlier recipes are then no longer found.
RECIPE: Final = 1


def result_digest(
    photo_sha256: str,
    blend: Sequence[WeightedNet],
    stroke: Stroke = "native",
    metadata: MetadataChoice = "none",
    format: FormatChoice = "auto",
) -> str:
    """Return the SHA-256 (hex) that a result is stored under.

    `photo_sha256` is the hash (hex) of the photo's file. Nets count by their hashes and weights and
    not by their keys, so a copied style finds the results of its original.
    """
    mix = sorted((net.sha256, net.weight) for net in blend)
    # What was once the only way is not named: such results are found where they were.
    once_all = ("native", "none", "auto")
    options = [option for option in (stroke, metadata, format) if option not in once_all]
    parts = json.dumps([RECIPE, photo_sha256, mix, *options], separators=(",", ":"))
    return hashlib.sha256(parts.encode()).hexdigest()
