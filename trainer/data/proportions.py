"""How much longer than wide a picture may be that is brought to a short side.

A strip of 20,000×100 pixels would become one of 76,800×384, more than a trainer has memory for.
"""

from typing import Final

from infra.jobs.domain.training_options import LONGEST_PAINTING
from worker.pixels import Photo, PhotoRejected

#: Times that a picture may be longer than wide, or wider than long.
LONGEST: Final = LONGEST_PAINTING


def check_proportions(photo: Photo) -> None:
    """Let a picture pass or raise PhotoRejected `photo-too-long`."""
    short, long = sorted((photo.height, photo.width))
    if long > LONGEST * short:
        raise PhotoRejected(
            "photo-too-long",
            f"The picture has {photo.width}×{photo.height} pixels, so one side is over "
            f"{LONGEST:g} times the other; cut a part out and send that.",
        )
