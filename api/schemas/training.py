"""The JSON of trainings: their options, and their progress."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.schemas.base import Line, NewName, ObjectKey, Request, example
from infra.catalogue.style import Visibility
from infra.jobs.domain.schedule import SCHEDULES, Schedule
from infra.jobs.domain.training_options import MAX_SEED, LossNetworkName, ProfileName

#: Photos of the user's own that every stage is shown on.
MAX_PREVIEWS = 8


def _schedule(text: str) -> str:
    try:
        Schedule.parse(text)
    except ValueError as error:
        raise PydanticCustomError("schedule", "{fault}", {"fault": str(error)}) from error
    return text


ScheduleText = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_schedule)]


class TrainingOptions(Request):
    """Options of a training; the form fields of an upload."""

    kind: Literal["train"] = Field(description="The kind of job.")
    style: NewName = Field(
        description="Name of the new style: a-z, 0-9 and hyphens; no other style may have it.",
        json_schema_extra=example("starry-night"),
    )
    title: Line = Field(
        default="",
        description="What the painting is called; the style's name unless it is given.",
        json_schema_extra=example("The Starry Night, Vincent van Gogh, 1889"),
    )
    licence: Line = Field(
        default="unknown",
        description="Terms under which the style may be used.",
        json_schema_extra=example("CC0-1.0"),
    )
    loss_network: LossNetworkName = Field(
        default="vgg19_original",
        description="Network whose features measure content and style. `vgg19_original` comes with "
        "the trainer; the others' weights are torchvision's, which `vgg19` are too.",
    )
    profile: ProfileName = Field(
        default="light",
        description="`standard` is the whole net, `light` one of half its width, `quick` trains "
        "a few kilobytes over a net that all quick styles share.",
    )
    schedule: ScheduleText | None = Field(
        default=None,
        description=f"{', '.join(f'`{name}`' for name in SCHEDULES)}, or the stages as "
        "RATIO:ITERATIONS,… with rising ratios of style to content. `balanced` unless it is "
        "given, `brief` for profile `quick`. What a name stands for depends on the loss network.",
        json_schema_extra=example("0.02:900,0.4:400,4:600"),
    )
    adaptive: bool = Field(
        default=False, description="Go on to the next stage as soon as one has settled."
    )
    corpus: NewName | None = Field(
        default=None,
        description="Name of the photos to learn on, from `GET /v1/corpora`. Unless it is given, "
        "your only corpus; where you have none, `starter`, the photos that come with Impasto.",
        json_schema_extra=example("coco"),
    )
    seed: int = Field(
        default=1, ge=0, le=MAX_SEED, description="Decides first weights, crops and flips."
    )
    base: Literal["auto", "none"] = Field(
        default="auto",
        description="`auto` starts from the net that all styles share, where there is one; "
        "`none` from random weights.",
    )
    visibility: Visibility | None = Field(
        default=None,
        description="`private`: only the tenant sees the style and paints in it; `shared`: all do. "
        "Private unless it is given, where the service has keys; else shared.",
    )


class PaintingSource(Request):
    """A painting that lies in the bucket already."""

    key: ObjectKey = Field(json_schema_extra=example("paintings/starry-night.jpg"))


class PreviewSource(Request):
    """Photos that lie in the bucket already."""

    keys: Annotated[list[ObjectKey], Field(min_length=1, max_length=MAX_PREVIEWS)] = Field(
        description="Object keys, in the order of the previews.",
        json_schema_extra=example(["holiday/1.jpg", "holiday/2.jpg"]),
    )


class TrainingByKeys(TrainingOptions):
    """A training whose painting lies in the bucket already."""

    painting: PaintingSource
    previews: PreviewSource | None = Field(
        default=None, description="Your own photos, to be shown in each stage."
    )


class PublishedStage(BaseModel):
    """A stage that can be used."""

    stage: int = Field(ge=0, description="0 is the base, the last is the strongest.")
    ratio: float = Field(description="Ratio of style to content that it was trained with.")


class Training(BaseModel):
    """Progress of a training; a value that nobody has measured yet is null."""

    model_config = ConfigDict(
        json_schema_extra=example(
            {
                "stage": 1,
                "stages": 6,
                "iteration": 1020,
                "iterations": 2800,
                "ratio": 0.1,
                "images_per_second": 12.5,
                "content": 0.41,
                "style": 0.12,
                "note": None,
                "loss_network": "vgg19_original",
                "schedule": "0.02:1000,0.1:1800",
                "corpus": "starter",
                "corpus_photos": 104,
                "published": [{"stage": 0, "ratio": 0.02}],
            }
        )
    )

    stage: int = Field(ge=0, description="The stage that is trained now, from 0.")
    stages: int = Field(ge=1, description="Stages of the schedule.")
    iteration: int = Field(ge=0, description="Iterations done, of the whole schedule.")
    iterations: int = Field(ge=0, description="Iterations of the whole schedule.")
    ratio: float = Field(description="Ratio of style to content in this stage.")
    images_per_second: float | None
    content: float | None = Field(description="Content loss, dimensionless.")
    style: float | None = Field(description="Style loss, dimensionless.")
    note: str | None = Field(description="What else happened, such as a step back.")
    loss_network: str = Field(
        default="", description="Network whose features measure content and style."
    )
    schedule: str = Field(default="", description="The stages, as RATIO:ITERATIONS,….")
    corpus: str = Field(default="", description="Name of the photos that it learns on.")
    corpus_photos: int | None = Field(
        default=None, description="How many they were at submission; null in trainings of 0.1.0."
    )
    published: list[PublishedStage] = Field(description="Stages that can be used already.")
