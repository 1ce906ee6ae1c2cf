"""Choices that the service offers, by the names that it knows them under."""

from typing import Final, Literal, TypedDict, get_args

#: What a job does.
JobKind = Literal["stylize", "train"]
#: Whether strokes have one size in pixels, or one share of the picture.
Stroke = Literal["native", "proportional"]
#: What a result carries of its photo's metadata.
MetadataChoice = Literal["none", "keep-safe", "all"]
#: What results are written in. auto: the photo's own where that is JPEG, PNG or WebP, JPEG for
#: HEIC and AVIF, PNG for the others; own: as auto, and AVIF as AVIF; or one for all photos.
FormatChoice = Literal["auto", "own", "jpeg", "png", "webp", "avif"]

#: Networks whose features measure content and style.
LossNetwork = Literal["vgg19_original", "vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1"]
LOSS_NETWORKS: Final[tuple[str, ...]] = get_args(LossNetwork)
#: Whole nets of standard and half width, and a few kilobytes over a shared backbone.
Profile = Literal["standard", "light", "quick"]
PROFILES: Final[tuple[str, ...]] = get_args(Profile)
#: Schedules that have a name; others are written as RATIO:ITERATIONS,….
Schedule = Literal["brief", "balanced", "thorough"]
SCHEDULES: Final[tuple[str, ...]] = get_args(Schedule)


class TrainingOptions(TypedDict, total=False):
    """How to train a style. The service decides what is None or left out."""

    title: str | None
    licence: str | None
    #: One of LOSS_NETWORKS.
    loss_network: str | None
    #: One of PROFILES.
    profile: str | None
    #: One of SCHEDULES, or RATIO:ITERATIONS,….
    schedule: str | None
    adaptive: bool | None
    corpus: str | None
    seed: int | None
    #: "auto" starts from the net that all styles share, "none" from random weights.
    base: str | None
    #: "private" or "shared"; the service decides by whether it has keys.
    visibility: str | None
