"""The pictures and weights that measurements train with: the folder IMPASTO_ASSETS."""

import sys
from dataclasses import dataclass
from pathlib import Path

from infra.settings import load_settings
from trainer.loss.network import LossNetwork, load_loss_network
from trainer.loss.weights import WeightsSource

#: Loss networks in the order in which they are preferred.
PREFERRED = ("vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1")


@dataclass(frozen=True, slots=True)
class Assets:
    """A folder with `paintings/`, `photos/corpus/` and `weights/`."""

    folder: Path

    @property
    def photos(self) -> Path:
        """Content photos."""
        return self.folder / "photos" / "corpus"

    def album(self) -> list[Path]:
        """Photos that nothing is trained on; none where the folder has no `photos/album/`."""
        return sorted((self.folder / "photos" / "album").glob("*.jpg"))

    def paintings(self) -> dict[str, Path]:
        """Return the paintings by name, such as `great-wave`."""
        found = sorted((self.folder / "paintings").glob("*.jpg"))
        return {path.stem.replace("_", "-"): path for path in found}

    def loss_network(self, name: str = "") -> LossNetwork:
        """Load a loss network; without a name, the first preferred one that has a file."""
        weights = self.folder / "weights"
        there = [known for known in PREFERRED if any(weights.glob(f"{known}[.-]*"))]
        return load_loss_network(name or there[0], WeightsSource(folder=weights))


def find_assets() -> Assets:
    """Return the assets; ends the program with an explanation where there are none."""
    folder = load_settings().assets
    if folder is None or not (folder / "paintings").is_dir():
        sys.exit(
            "This measurement trains nets. Set IMPASTO_ASSETS to a folder that holds paintings/, "
            "photos/corpus/ and weights/ (torchvision state dicts)."
        )
    return Assets(folder)
