"""Where a loss network's weights come from: a configured folder, else torchvision's download."""

from pathlib import Path
from urllib.error import URLError

import safetensors.torch
import torch
from torch import Tensor

from infra.errors import ImpastoError
from trainer.vision import models


class WeightsMissing(ImpastoError):
    """The weights are neither in the configured folder nor downloadable."""

    type = "loss-weights-missing"
    title = "The weights of the loss network are not there."


class WeightsRejected(ImpastoError):
    """A file was found, but it is no state dict of the network."""

    type = "loss-weights-rejected"
    title = "The weights of the loss network cannot be used."


class WeightsSource:
    """Finds state dicts of torchvision models by the models' names.

    In `folder` a file `NAME.safetensors`, `NAME.pth` or torchvision's own `NAME-<hash>.pth`
    serves; without one, torchvision's cache and download do.
    """

    def __init__(self, *, folder: Path | None) -> None:
        self._folder = folder

    def state_dict(self, name: str) -> dict[str, Tensor]:
        """Return the network's weights in float32; raises WeightsMissing or WeightsRejected."""
        found = self._find(name)
        weights = _read(found) if found else self._download(name)
        return {key: value.float() for key, value in weights.items()}

    def _find(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        candidates = [self._folder / f"{name}.safetensors", self._folder / f"{name}.pth"]
        candidates += sorted(self._folder.glob(f"{name}-*.pth"))
        return next((path for path in candidates if path.is_file()), None)

    def _download(self, name: str) -> dict[str, Tensor]:
        weights = models.get_model_weights(name)["IMAGENET1K_V1"]
        try:
            return dict(weights.get_state_dict(progress=True, check_hash=True))
        except (URLError, OSError, RuntimeError) as error:
            where = self._folder or "a folder of your choice"
            raise WeightsMissing(
                f"{Path(weights.url).name} could not be downloaded ({error}). Put it, or "
                f"{name}.safetensors, into {where} and set IMPASTO_LOSS_WEIGHTS to that folder."
            ) from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        # Both readers raise many kinds of errors for damaged files; none is worth telling apart.
        raise WeightsRejected(f"{path} is not a readable state dict: {error}") from error
