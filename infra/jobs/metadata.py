"""How much of a photo's metadata its result carries on."""

from typing import Literal

#: Nothing; what no one minds being seen; or all that the photo's file had.
MetadataChoice = Literal["none", "keep-safe", "all"]
