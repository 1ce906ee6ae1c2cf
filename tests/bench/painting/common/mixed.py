"""Mixed photos as files, no two alike, for measurements of whole albums."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.bench.common.nets import photo
from worker.engines.port import Pixels

#: (height, width) of photos, by scale: they come in turn.
SIZES = {
    "tiny": ((48, 64), (64, 48)),
    "small": ((480, 640), (768, 1024), (640, 480), (600, 800), (720, 1280), (1024, 768)),
    "full": ((480, 640), (768, 1024), (1080, 1920), (1024, 768), (1536, 2048), (720, 1280)),
}
PHOTOS = {"tiny": 6, "small": 60, "full": 60}
#: Formats, in turn; most photos are JPEGs.
_FORMATS = ("JPEG",) * 8 + ("PNG", "WEBP")


def mixed_photos(
    scale: str, seed: int, source: Callable[[int, int], Pixels] = photo
) -> dict[str, bytes]:
    """Return files by their names; another seed gives photos that no cache takes for these.

    `source` is what makes a photo of a height and a width.
    """
    files: dict[str, bytes] = {}
    for number in range(PHOTOS[scale]):
        height, width = SIZES[scale][number % len(SIZES[scale])]
        format = _FORMATS[number % len(_FORMATS)]
        picture = np.roll(source(height, width), 7 * number + 501 * seed, axis=1)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format, quality=90)
        files[f"{number:03d}.{format.lower()}"] = file.getvalue()
    return files
