"""What comes with the code: styles, and the nets that new styles start from."""

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent

#: Folders of the bundled styles, each with its card, stages and pictures.
BUNDLED_STYLES: Final = _HERE / "styles"
#: The net that quick styles share.
BUNDLED_BACKBONE: Final = _HERE / "backbone" / "backbone.safetensors"
#: A net that hardly styles photos, from which other styles start.
BUNDLED_BASE: Final = _HERE / "backbone" / "base.safetensors"
