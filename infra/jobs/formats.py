"""The formats of results: what an album may ask for, and what results are stored as."""

from typing import Literal

#: What results are written in. `auto`: the photo's own where that is JPEG, PNG or WebP, JPEG for
#: HEIC and AVIF, PNG for the others. `own`: as `auto`, and AVIF as AVIF. Or one for all photos.
FormatChoice = Literal["auto", "own", "jpeg", "png", "webp", "avif"]

#: Formats that results are written in, by Pillow's names.
ResultFormat = Literal["JPEG", "PNG", "WEBP", "AVIF"]
