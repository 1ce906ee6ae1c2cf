"""Choices of a training: loss networks, profiles, and the usual schedule of each profile.

Pure, so that the API can refuse at once what the trainer could only refuse later.
"""

from typing import Final, Literal, get_args

#: Networks whose features measure content and style; all but the first by torchvision's names.
LossNetworkName = Literal["vgg19_original", "vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1"]
LOSS_NETWORKS: Final[tuple[str, ...]] = get_args(LossNetworkName)

#: Standard width, half width, or nothing but the instance-norm affine over a shared backbone.
ProfileName = Literal["standard", "light", "quick"]
PROFILES: Final[tuple[str, ...]] = get_args(ProfileName)

#: The schedule of a training that names none, by its profile.
USUAL_SCHEDULES: Final[dict[str, str]] = {
    "standard": "balanced",
    "light": "balanced",
    "quick": "brief",
}

#: Pixels that a painting's short side has at least; smaller ones hold no strokes to learn.
SMALLEST_PAINTING: Final = 64
#: Times that a painting may be longer than wide, or wider than long.
LONGEST_PAINTING: Final = 8.0

#: PyTorch and NumPy both take seeds of this size.
MAX_SEED: Final = 2**32 - 1
